"""What is answered from memory: 99 at any time, and everything else before login (SP-3, CN-7)."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sip2d.circulation.authorise import LOGIN_REQUIRED
from sip2d.circulation.call import UNSPOKEN, Answer, Spoken
from sip2d.circulation.refuse import refusal
from sip2d.circulation.status import acs_status, closed_status, spoken
from sip2d.daemon.acs import Acs, Binding, Status
from sip2d.daemon.admission import Admitted
from sip2d.store.library import Branch, Institution
from sip2d.wire import codec
from sip2d.wire.kinds import stamp
from sip2d.wire.messages import LoginResponse, Request, ScStatus
from sip2d.wire.profile import Profile

NOWHERE = ZoneInfo("UTC")

# Why a login failed, where that is for the kiosk's screen to say (CN-2, peers 33); the rest is 940 and
# nothing more.
_SAID = {"branch_not_configured": "BRANCH_NOT_CONFIGURED", "quota": "QUOTA_REACHED", "busy": "SYSTEM_ERROR"}


class Lobby:
    """The lobby of one connection: what its peer may be told, and what it said of itself."""

    __slots__ = ("_acs", "_admitted", "spoken")

    def __init__(self, acs: Acs, admitted: Admitted) -> None:
        self._acs = acs
        self._admitted = admitted
        self.spoken: Spoken = UNSPOKEN

    def profile(self, binding: Binding | None, fallback: str) -> Profile:
        """The terminal's dialect; before login the one its candidates share, else the listener's (issue
        2.4)."""
        acs, branches = self._acs, self._acs.library.branches
        if binding is not None:
            return acs.profile(binding.terminal.profile, branches.get(binding.branch_id))
        rows = self._admitted.candidates
        # Profiles are kept, one object a dialect.
        shared = {
            id(dialect): dialect
            for dialect in (acs.profile(row.profile, branches.get(row.branch_id)) for row in rows)
        }
        return shared.popitem()[1] if len(shared) == 1 else acs.profile(fallback)

    def status(self, body: bytes, binding: Binding | None, profile: Profile) -> Answer:
        """98: what the terminal may do; before login every flag is N and nothing of the library is told."""
        acs = self._acs
        found = None if binding is None else acs.status(body, binding.branch_id, profile)
        if found is None:
            found = self._told(body, binding, profile, acs.now())
            if binding is not None:
                acs.keep_status(body, binding.branch_id, profile, found)
        answer, self.spoken = found
        return answer

    def _told(self, body: bytes, binding: Binding | None, profile: Profile, now: datetime) -> Status:
        request = codec.parse_request(body, profile)
        assert isinstance(request, ScStatus)  # its code is 99
        said = spoken(request)
        institution, branch = self._place(binding)
        if institution is None or branch is None:
            code, zone = (institution.code, institution.zone) if institution else ("", NOWHERE)
            response = closed_status(code, stamp(now, zone), request)
        else:
            response = acs_status(institution, branch, self._acs.health, stamp(now, branch.zone), request)
        return Answer(codec.build(response, profile, said.version_1), "ok"), said

    def refuse(self, request: Request, profile: Profile) -> Answer:
        """A known message before login: its own refusal, AF LOGIN_REQUIRED."""
        acs = self._acs
        institution, _ = self._place(None)
        zone = institution.zone if institution else NOWHERE
        said = acs.wording(acs.library).unplaced(
            LOGIN_REQUIRED, getattr(request, "language", ""), institution
        )
        response = refusal(request, "", stamp(acs.now(), zone), said)
        return Answer(codec.build(response, profile), "refused", LOGIN_REQUIRED.code)

    def login(self, failed: str, profile: Profile) -> Answer:
        """94. Only a failure that staff must see to says why (quirks C9: nothing else behind ``94n``)."""
        said: tuple[str, ...] = ()
        if failed in _SAID:
            institution, _ = self._place(None)
            said = self._acs.wording(self._acs.library).unplaced(_SAID[failed], "", institution)
        body = codec.build(LoginResponse(not failed, screen_messages=said), profile)
        return Answer(body, "refused" if failed else "ok", failed)

    def _place(self, binding: Binding | None) -> tuple[Institution | None, Branch | None]:
        """The session's branch; before login the institution its candidates share."""
        library = self._acs.library
        if binding is not None:
            branch = library.branches.get(binding.branch_id)
            return (library.institutions.get(branch.institution_id), branch) if branch else (None, None)
        rows = (library.branches.get(row.branch_id) for row in self._admitted.candidates)
        shared = {branch.institution_id for branch in rows if branch is not None}
        return (library.institutions.get(shared.pop()) if len(shared) == 1 else None), None
