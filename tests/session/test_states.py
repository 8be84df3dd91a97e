"""The tables of the session, row by row (sip2.md 5, CN-7, CN-8, issue 3.1)."""

import pytest

from sip2d.session.states import GATES, TRANSITIONS, VERDICTS, Act, CloseReason, Event, Kind, State, kind_of
from sip2d.wire.messages import REQUEST_BY_CODE

ROWS = [  # state, code, what is done with it
    (State.UNBOUND, "93", Act.LOGIN),
    (State.UNBOUND, "99", Act.SERVE),
    (State.UNBOUND, "97", Act.RESEND),
    (State.UNBOUND, "63", Act.REFUSE),
    (State.UNBOUND, "11", Act.REFUSE),
    (State.UNBOUND, "77", Act.IGNORE),
    (State.BOUND, "93", Act.LOGIN),
    (State.BOUND, "99", Act.SERVE),
    (State.BOUND, "97", Act.RESEND),
    (State.BOUND, "63", Act.SERVE),
    (State.BOUND, "11", Act.SERVE),
    (State.BOUND, "77", Act.IGNORE),
    (State.BOUND, "94", Act.IGNORE),
]


@pytest.mark.parametrize(("state", "code", "act"), ROWS)
def test_gate(state: State, code: str, act: Act) -> None:
    assert GATES[state][kind_of(code)] is act
    assert VERDICTS[state].get(code.encode(), (code, Act.IGNORE)) == (code, act)


def test_before_login_only_93_99_97_are_let_through() -> None:
    refused = {code for code, act in VERDICTS[State.UNBOUND].values() if act is Act.REFUSE}
    assert refused == set(REQUEST_BY_CODE) - {"93", "99", "97"}


def test_every_kind_has_a_gate_in_the_states_that_look_at_frames() -> None:
    assert set(GATES) == {State.UNBOUND, State.BOUND}
    assert all(set(acts) == set(Kind) for acts in GATES.values())


STEPS = [
    ([Event.LOGIN, Event.BIND, Event.SETTLED], State.BOUND),
    ([Event.LOGIN, Event.SETTLED], State.UNBOUND),
    ([Event.BIND, Event.LOGIN, Event.SETTLED], State.BOUND),
    ([Event.BIND, Event.LOGIN, Event.UNBIND, Event.SETTLED], State.UNBOUND),
    ([Event.BIND, Event.UNBIND], State.UNBOUND),
    ([Event.LOGIN, Event.CLOSE, Event.BIND, Event.SETTLED], State.CLOSING),
    ([Event.CLOSE, Event.DRAINED, Event.BIND, Event.LOGIN], State.CLOSED),
]


@pytest.mark.parametrize(("events", "end"), STEPS)
def test_transitions(events: list[Event], end: State) -> None:
    state = State.UNBOUND
    for event in events:
        state = TRANSITIONS.get((state, event), state)
    assert state is end


def test_nothing_leads_back_from_the_end() -> None:
    assert {after for (before, _), after in TRANSITIONS.items() if before is State.CLOSING} == {State.CLOSED}
    assert not [before for before, _ in TRANSITIONS if before is State.CLOSED]


def test_close_reasons_are_stable_names() -> None:
    assert {reason.value for reason in CloseReason} == {
        "eof", "idle_timeout", "login_timeout", "frame_timeout", "frame_too_long", "overrun", "bad_frames",
        "failed_logins", "outcome_unknown", "revoked", "shutdown", "fault",
    }  # fmt: skip
