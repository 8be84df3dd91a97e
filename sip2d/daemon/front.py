"""The front: every connection of the daemon, what they have in common, and what is told of them.

It is also what the daemon's lifecycle holds on to: it ends sessions whose terminal changed, ticks the
timeouts and closes at a shutdown.
"""

import asyncio
import heapq
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final, Protocol

import msgspec
import structlog

from sip2d.circulation.authorise import support
from sip2d.circulation.call import Answer
from sip2d.config import LimitsSettings
from sip2d.daemon import logs
from sip2d.daemon.access_log import AccessLog, Record
from sip2d.daemon.acs import Acs, Binding
from sip2d.daemon.doubts import Doubts
from sip2d.daemon.listener import Peer
from sip2d.daemon.metrics import Metrics
from sip2d.session.limits import Counters, Limits, retry_window
from sip2d.session.session import Session
from sip2d.session.states import CloseReason
from sip2d.store.aside import SessionRecord
from sip2d.vocabulary import MessageKey
from sip2d.wire.messages import Request
from sip2d.wire.profile import Profile

log = structlog.get_logger()

ENDED_KEPT: Final = 1000

# Refusals that no rule of policy spoke: the label of ``sip2d_messages_refused_total`` (CN-5).
GATES: Final = {
    "MESSAGE_NOT_SUPPORTED": "disabled",
    "LOGIN_REQUIRED": "login_required",
    "BRANCH_NOT_CONFIGURED": "branch_not_configured",
    "OFFLINE_DISABLED": "offline_disabled",
    "INSTITUTION_UNKNOWN": "institution",
}
LIMITS_KEPT: Final = 256
UNTOLD_MOST: Final = 256
"""So many exchanges are told at once at the most: 0.2 ms."""


Labels = tuple[str, str]
"""What a session's exchanges are counted and logged under: its terminal's name and its branch's code, both
empty before login."""


class Line(Protocol):
    """What the front asks of a connection."""

    number: int
    peer: Peer
    session: Session
    binding: Binding | None
    labels: Labels
    opened_at: datetime
    served: int

    def tick(self, now: float) -> None: ...

    def adjust(self) -> None: ...

    def end(self, reason: CloseReason) -> None: ...

    def abort(self) -> None: ...


class Front:
    """See the module. The loop's thread only."""

    def __init__(
        self,
        acs: Acs,
        metrics: Metrics,
        access: AccessLog,
        limits: Callable[[], LimitsSettings],
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
    ) -> None:
        self.acs = acs
        self.loop = loop
        self.counters = Counters()
        self.ended: list[SessionRecord] = []
        self.doubts = Doubts(ticks)
        self._metrics = metrics
        self._access = access
        self._untold: list[Record] = []
        metrics.exchanges.tell = self.tell
        self._configured = limits
        self._limits: dict[Limits, Limits] = {}
        self._clock = clock
        # Not loop.time(): uvloop's is the start of the loop's turn, in whole milliseconds.
        self.ticks = ticks
        self._connections: dict[int, Line] = {}
        self._due: list[tuple[float, int]] = []
        self._told = Counters()
        self._epoch = acs.library.epoch

    def limits(self, binding: Binding | None, profile: Profile) -> Limits:
        """What a session may do: the daemon's limits before login, and the branch's from then on (CN-4)."""
        configured = self._configured()
        branch = self.acs.library.branches.get(binding.branch_id) if binding else None
        base = Limits(
            login_timeout=configured.login_timeout,
            frame_timeout=configured.frame_timeout,
            frame_cap=configured.frame_bytes,
            window=configured.window,
            error_detection_required=profile.error_detection == "required",
            code_point_sums=profile.accept_codepoint_checksum,
            ignore_checksums=profile.ignore_checksum,
            charset=profile.charset,
            delimiter=profile.delimiter.encode("latin-1", "replace"),
        )
        if branch is None:
            return self._shared(base)
        sip2 = branch.sip2
        return self._shared(
            msgspec.structs.replace(
                base,
                retries_allowed=sip2.retries_allowed,
                idle_timeout=float(sip2.idle_timeout_seconds),
                retry_window=retry_window(sip2.timeout_seconds, sip2.retries_allowed),
                resend=support(branch, MessageKey.RESEND) != "DISABLED",
            )
        )

    def _shared(self, limits: Limits) -> Limits:
        """One object for all who have the same: 0.3 KiB less a connection."""
        if len(self._limits) >= LIMITS_KEPT:
            self._limits.clear()
        return self._limits.setdefault(limits, limits)

    # -- connections come and go -----------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._connections)

    def opened(self, connection: Line) -> None:
        """A connection stands."""
        self._connections[connection.number] = connection
        self.watch(connection)
        peer = connection.peer
        self._metrics.connections.labels(peer.listener, self.branch_code(connection)).inc()
        log.debug("connection.opened", conn=connection.number, peer=str(peer.address), listener=peer.listener)

    def bound(self, connection: Line, before: str) -> None:
        """A login held, or an earlier one ended; ``before`` is the branch it was counted for."""
        listener, branch = connection.peer.listener, self.branch_code(connection)
        self._metrics.connections.labels(listener, before).dec()
        self._metrics.connections.labels(listener, branch).inc()
        binding = connection.binding
        if binding is not None:
            log.info("terminal.bound", conn=connection.number, terminal=binding.terminal.name, branch=branch)
        self.watch(connection)

    def login_failed(self, connection: Line, reason: str) -> None:
        """A 93 was refused. The user name is not told: people type passwords into the wrong field."""
        self._metrics.login_failures.labels(self.branch_code(connection), reason).inc()
        log.warning("auth.failed", conn=connection.number, peer=str(connection.peer.address), reason=reason)

    def closed(self, connection: Line) -> None:
        """A connection is gone; its end has a reason, a name and a count (peers 38)."""
        if self._connections.pop(connection.number, None) is None:
            return
        peer, binding = connection.peer, connection.binding
        reason = (connection.session.close_reason or CloseReason.EOF).value
        peer.seat.release()
        self._metrics.connections.labels(peer.listener, self.branch_code(connection)).dec()
        self._metrics.closed.labels(reason).inc()
        log.info(
            "connection.closed",
            conn=connection.number,
            peer=str(peer.address),
            terminal=binding.terminal.name if binding else None,
            branch=self.branch_code(connection) or None,
            reason=reason,
            served=connection.served,
        )
        if len(self.ended) < ENDED_KEPT and (connection.served or binding):
            self.ended.append(
                SessionRecord(
                    binding.terminal.id if binding else None,
                    binding.branch_id if binding else None,
                    str(peer.address),
                    int(connection.opened_at.timestamp()),
                    int(self._clock()),
                    reason,
                    f'{{"served": {connection.served}}}',
                )
            )

    def branch_code(self, connection: Line) -> str:
        """The branch of record, empty before login."""
        return self.labels(connection.binding)[1]

    def labels(self, binding: Binding | None) -> Labels:
        """Those of a session, which it keeps until it logs in anew or the epoch changes."""
        if binding is None:
            return "", ""
        branch = self.acs.library.branches.get(binding.branch_id)
        return binding.terminal.name, branch.code if branch else ""

    def take_ended(self) -> list[SessionRecord]:
        """Sessions that are over and not written down yet."""
        ended, self.ended = self.ended, []
        return ended

    # -- what is told of an exchange -------------------------------------------------------------------------

    def served(
        self, connection: Line, code: str, answer: Answer, seconds: float, request: Request | None
    ) -> None:
        """An exchange was answered: one access record, one count, one duration (issue 7.1).

        They are kept until ``tell``: told one by one they cost 1.1 us, many in one go 0.7.
        """
        terminal, branch = connection.labels
        patron = item = ""
        if request is not None:
            patron = getattr(request, "patron_id", None) or ""
            item = getattr(request, "item_id", None) or ""
        milliseconds = int(seconds * 1_000_000) / 1000  # round() takes 0.4 us
        self._untold.append(
            Record(
                self._clock(),
                connection.number,
                terminal,
                branch,
                code,
                answer.result,
                milliseconds,
                answer.rule,
                patron,
                item,
            )
        )
        if answer.bulk:
            self._metrics.batch_rows.labels(answer.bulk.lower()).inc()
        if answer.rule:
            self._denied(code, answer.rule)
        if len(self._untold) >= UNTOLD_MOST:
            self.tell()

    def tell(self) -> None:
        """Brings what was served since the last time into the metrics and the access log; called by the
        daemon's timer and before a scrape."""
        records, self._untold = self._untold, []
        self._metrics.exchanges.count(records)
        self._access.write(records)

    def _denied(self, code: str, rule: str) -> None:
        gate = GATES.get(rule)
        if gate is None:
            self._metrics.denials.labels(code, rule.partition(":")[0]).inc()
        else:
            self._metrics.messages_refused.labels(gate).inc()

    def no_block(self, connection: Line, code: str) -> None:
        """A transaction done off-line came in: a kiosk stuck in that mode must be seen (SP-20)."""
        binding = connection.binding
        self._metrics.no_block.labels(code).inc()
        log.warning(
            "sip2.no_block",
            conn=connection.number,
            peer=str(connection.peer.address),
            terminal=binding.terminal.name if binding else None,
            message=code,
        )

    def faulted(self, connection: Line, code: str, fault: BaseException | None) -> None:
        """A fault. Only its class and place are told: its text may carry what a patron sent."""
        log.error(
            "exchange.fault",
            conn=connection.number,
            message=code,
            fault=type(fault).__name__,
            where=logs.place_of(fault),
        )

    def tell_counters(self) -> None:
        """Brings the sessions' counts into the metrics; called by the daemon's wheel."""
        now, told = self.counters, self._told
        errors, resends = self._metrics.protocol_errors, self._metrics.resends
        errors.labels("checksum").inc(now.bad_checksums - told.bad_checksums)
        errors.labels("missing_trailer").inc(now.missing_trailers - told.missing_trailers)
        errors.labels("unsupported").inc(now.unknown_codes - told.unknown_codes)
        resends.labels("in").inc(now.resends_in - told.resends_in)
        resends.labels("out").inc(now.resends_out - told.resends_out)
        resends.labels("repeat").inc(now.repeats - told.repeats)
        self._told = msgspec.structs.replace(now)

    # -- the daemon's wheel ----------------------------------------------------------------------------------

    def watch(self, connection: Line) -> None:
        """Look at this connection's timeouts when they are due next."""
        heapq.heappush(self._due, (connection.session.deadline, connection.number))

    def tick(self, now: float) -> None:
        """One coarse timer for all connections (performance.md 1); ``now`` is monotonic."""
        self.tell_counters()
        if self._epoch != self.acs.library.epoch:
            self._epoch = self.acs.library.epoch
            for connection in tuple(self._connections.values()):
                connection.adjust()
        due = self._due
        while due and due[0][0] <= now:
            _, number = heapq.heappop(due)
            found = self._connections.get(number)
            if found is not None:
                found.tick(now)
                if found.session.close_reason is None:
                    self.watch(found)

    def end(self, terminals: Iterable[int], reason: CloseReason = CloseReason.REVOKED) -> None:
        """Ends the sessions of terminals that changed, after the exchanges under way (CN-6e, house.md)."""
        ids = frozenset(terminals)
        for connection in tuple(self._connections.values()) if ids else ():
            if connection.binding is not None and connection.binding.terminal.id in ids:
                connection.end(reason)

    def close_idle(self) -> None:
        """Takes nothing more from anybody; what was asked is answered first, then each closes."""
        for connection in tuple(self._connections.values()):
            connection.end(CloseReason.SHUTDOWN)

    def abort(self) -> None:
        """Cuts whatever is left."""
        for connection in tuple(self._connections.values()):
            connection.abort()
