"""Login (93): which terminal this is (CN-8). The answer is 941 or 940 and nothing else (quirks C9)."""

from sip2d.daemon.acs import Acs, Binding
from sip2d.daemon.admission import LoggedIn
from sip2d.daemon.listener import Peer
from sip2d.errors import StoreBusy
from sip2d.wire.messages import Login

# Blank counts as plain: some clients send two blanks for "00" (sip2.md 1.2).
PLAIN = ("0", " ", "")


async def log_in(acs: Acs, peer: Peer, request: Login) -> Binding | str:
    """The binding, or the reason why not: a label of ``sip2d_login_failures_total``."""
    if request.uid_algorithm not in PLAIN or request.pwd_algorithm not in PLAIN:
        return "algorithm"
    user, password = request.login_user, request.login_password
    if not user or not password:
        return "empty"  # never "no user matches no password" (quirks C6)
    try:
        found = await acs.admission.login(
            acs.pins,
            peer.admitted,
            peer.seat,
            user=user,
            password=password,
            location=(request.location_code or "").strip() or None,
            now=int(acs.now().timestamp()),
        )
    except StoreBusy:
        return "busy"
    return acs.bind(found.terminal, found.branch.id) if isinstance(found, LoggedIn) else found.reason
