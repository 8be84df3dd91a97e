"""The protocol of one connection, as tables (sip2.md 5, CN-7, CN-8). ``session.py`` walks them; the tests
read them row by row.

Theory of operation
-------------------

The SC speaks, the ACS answers, in the order of the requests. A connection is born UNBOUND (it must log in) or
BOUND (its address alone names the terminal). A 93 leads to the LOGIN state of either kind: until that 93 is
answered no later frame is looked at, because whether it may be served, and in whose name, depends on the
outcome. The service calls ``bind`` or ``login_failed`` and then answers; answering is what SETTLES the login.
A failed 93 leaves nothing of the earlier login behind (quirks C4).

CLOSING takes no more frames, but everything received before it is still answered, in order; then the session
is CLOSED and the connection ends. A session never goes back from either.

    UNBOUND --93--> UNBOUND_LOGIN --bind--> BOUND_LOGIN --settled--> BOUND
                          |                                            |
                       settled                             93, then failed and settled
                          v                                            v
                       UNBOUND <---------------------------------- UNBOUND
"""

import enum
from typing import Final

from sip2d.wire.messages import REQUEST_BY_CODE


class State(enum.Enum):
    """Where a connection is."""

    UNBOUND = "unbound"
    BOUND = "bound"
    UNBOUND_LOGIN = "unbound, a 93 waits for its answer"
    BOUND_LOGIN = "bound, a 93 waits for its answer"
    CLOSING = "takes nothing more, owes answers"
    CLOSED = "done"


class Event(enum.Enum):
    """What moves it."""

    LOGIN = "a 93 was received"
    BIND = "the terminal is known"
    UNBIND = "the terminal is known no more"
    SETTLED = "the 93 was answered"
    CLOSE = "a reason to close came up"
    DRAINED = "the last answer left"


class Kind(enum.Enum):
    """What a frame is, as far as the gate cares."""

    LOGIN = "93"
    STATUS = "99"
    RESEND = "97"
    REQUEST = "any other of the sixteen"
    UNKNOWN = "no request"


class Act(enum.Enum):
    """What is done with it."""

    SERVE = "handed out"
    REFUSE = "handed out as not allowed: its own typed refusal, AF LOGIN_REQUIRED (CN-7)"
    LOGIN = "handed out; what follows waits"
    RESEND = "what was sent last is sent again"
    IGNORE = "counted, no answer (sip2.md 5)"


class CloseReason(enum.Enum):
    """Why a connection ends; the values are names in the log and in the metrics and do not change."""

    EOF = "eof"
    IDLE_TIMEOUT = "idle_timeout"
    LOGIN_TIMEOUT = "login_timeout"
    FRAME_TIMEOUT = "frame_timeout"
    FRAME_TOO_LONG = "frame_too_long"
    OVERRUN = "overrun"
    BAD_FRAMES = "bad_frames"
    FAILED_LOGINS = "failed_logins"
    OUTCOME_UNKNOWN = "outcome_unknown"
    REVOKED = "revoked"
    SHUTDOWN = "shutdown"
    FAULT = "fault"


GATES: Final[dict[State, dict[Kind, Act]]] = {
    State.UNBOUND: {
        Kind.LOGIN: Act.LOGIN,
        Kind.STATUS: Act.SERVE,
        Kind.RESEND: Act.RESEND,
        Kind.REQUEST: Act.REFUSE,
        Kind.UNKNOWN: Act.IGNORE,
    },
    State.BOUND: {
        Kind.LOGIN: Act.LOGIN,
        Kind.STATUS: Act.SERVE,
        Kind.RESEND: Act.RESEND,
        Kind.REQUEST: Act.SERVE,
        Kind.UNKNOWN: Act.IGNORE,
    },
}
"""Only these two states look at frames."""

TRANSITIONS: Final[dict[tuple[State, Event], State]] = {
    (State.UNBOUND, Event.LOGIN): State.UNBOUND_LOGIN,
    (State.UNBOUND, Event.BIND): State.BOUND,
    (State.UNBOUND, Event.UNBIND): State.UNBOUND,
    (State.UNBOUND, Event.CLOSE): State.CLOSING,
    (State.BOUND, Event.LOGIN): State.BOUND_LOGIN,
    (State.BOUND, Event.BIND): State.BOUND,
    (State.BOUND, Event.UNBIND): State.UNBOUND,
    (State.BOUND, Event.CLOSE): State.CLOSING,
    (State.UNBOUND_LOGIN, Event.BIND): State.BOUND_LOGIN,
    (State.UNBOUND_LOGIN, Event.UNBIND): State.UNBOUND_LOGIN,
    (State.UNBOUND_LOGIN, Event.SETTLED): State.UNBOUND,
    (State.UNBOUND_LOGIN, Event.CLOSE): State.CLOSING,
    (State.BOUND_LOGIN, Event.BIND): State.BOUND_LOGIN,
    (State.BOUND_LOGIN, Event.UNBIND): State.UNBOUND_LOGIN,
    (State.BOUND_LOGIN, Event.SETTLED): State.BOUND,
    (State.BOUND_LOGIN, Event.CLOSE): State.CLOSING,
    (State.CLOSING, Event.DRAINED): State.CLOSED,
}
"""Every other pair leaves the state as it is: after CLOSE the outside may still bind, settle or close
again, to no effect."""

BOUND_STATES: Final = frozenset((State.BOUND, State.BOUND_LOGIN))

# 01 09 11 15 19 25 29 37 65: without a sequence number only these are taken for repeats of themselves (issue
# 3.2).
EFFECTS: Final = frozenset(("01", "09", "11", "15", "19", "25", "29", "37", "65"))


def kind_of(code: str) -> Kind:
    """The kind of a two-character code."""
    if code in ("93", "99", "97"):
        return Kind(code)
    return Kind.REQUEST if code in REQUEST_BY_CODE else Kind.UNKNOWN


VERDICTS: Final[dict[State, dict[bytes, tuple[str, Act]]]] = {
    state: {code.encode(): (code, acts[kind_of(code)]) for code in REQUEST_BY_CODE}
    for state, acts in GATES.items()
}
"""GATES by the first two bytes of a frame: one lookup decodes the code and opens or shuts the gate. What
is missing is ignored."""
