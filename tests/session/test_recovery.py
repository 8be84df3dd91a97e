"""Error detection, 96, 97 and repeats (sip2.md 4, issue 3.2, quirks B)."""

import pytest

from sip2d.session.limits import Limits, retry_window
from sip2d.session.states import CloseReason
from sip2d.wire.frame import seal
from tests.session.script import ITEM, LOAN, LOGIN, PATRON, RENEW_ALL, RETURN, STATUS, Script, bad, ck

AZ96 = b"96AZFEF6\r"


def test_error_detection_is_mirrored_per_message() -> None:
    """sip2.md 4.3, quirks B13-B15: asked with AY and AZ, answered so; asked without, answered without."""
    talk = Script()
    assert talk.say(ck(STATUS, b"7")) == [seal(b"<99 no 1>", b"7", True)]
    assert talk.say(STATUS + b"\r") == [b"<99 no 2>\r"]


@pytest.mark.parametrize("sequence", [b"0", b"9", b"10", b"123"])
def test_ay_is_echoed_as_it_came(sequence: bytes) -> None:
    """Quirks B1, B3 (ED-seq10)."""
    assert Script().say(ck(STATUS, sequence)) == [seal(b"<99 no 1>", sequence, True)]


def test_az_without_ay_is_answered_with_az_only() -> None:
    """Quirks B4, B7 (ED-resend-without-AY)."""
    assert Script().say(ck(STATUS, None)) == [seal(b"<99 no 1>", None, True)]


def test_ay_without_az_is_no_error_detection() -> None:
    """Quirks B6."""
    assert Script().say(STATUS + b"AY1\r") == [b"<99 no 1>\r"]


@pytest.mark.parametrize("zeros", [b"fca5", b" CA5", b"0"])
def test_sum_in_lower_case_or_wrong(zeros: bytes) -> None:
    """Quirks B8, B9: lower case is the same number; another number is not."""
    expected = [seal(b"<99 no 1>", b"1", True)] if zeros == b"fca5" else [AZ96]
    assert Script().say(b"9900401.00AY1AZ" + zeros + b"\r") == expected


def test_delimiter_before_the_trailer() -> None:
    """Quirks B12 (ED-pipe-before-AY)."""
    talk = Script()
    assert talk.say(ck(STATUS + b"|", b"0")) == [seal(b"<99 no 1>", b"0", True)]
    assert talk.served[0].body == STATUS + b"|"


def test_sum_over_code_points_unless_switched_off() -> None:
    """Quirks B10."""
    covered = "2300120260102    030405AO|AAzoëő|AY1AZ"
    frame = covered.encode() + b"%04X\r" % (-sum(map(ord, covered)) & 0xFFFF)
    assert Script().say(frame) == [seal(b"<23 no 1>", b"1", True)]
    assert Script(Limits(code_point_sums=False)).say(frame) == [AZ96]


def test_bad_sum_is_answered_96_and_not_served() -> None:
    """sip2.md 4.4 rule 1, quirks B18 (ED-bad-checkout-not-done)."""
    talk = Script()
    assert talk.say(bad(LOAN)) == [AZ96]
    assert talk.served == []
    assert talk.say(ck(LOAN)) == [seal(b"<11 no 1>", b"1", True)]
    assert (talk.counters.bad_checksums, talk.counters.resends_out, talk.counters.frames) == (1, 1, 2)


def test_required_error_detection() -> None:
    """CN-4 error_detection=required: no trailer, no service."""
    talk = Script(Limits(error_detection_required=True))
    assert talk.say(STATUS + b"\r") == [AZ96]
    assert talk.say(STATUS + b"AY1\r") == [AZ96]
    assert talk.say(ck(STATUS)) == [seal(b"<99 no 1>", b"1", True)]
    assert (talk.counters.missing_trailers, talk.counters.bad_checksums) == (2, 0)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_bad_frames_in_a_row_close(retries: int) -> None:
    """CN-4: more than ``retries_allowed`` in a row close; each is answered 96, the last one too."""
    talk = Script(Limits(retries_allowed=retries))
    for _ in range(retries):
        assert talk.say(bad(STATUS)) == [AZ96]
    if retries:
        talk.say(ck(STATUS))  # one good frame starts the count anew
        for _ in range(retries):
            assert talk.say(bad(STATUS)) == [AZ96]
    assert not talk.session.finished
    assert talk.say(bad(STATUS) + ck(STATUS)) == [AZ96]
    assert talk.session.finished
    assert talk.session.close_reason is CloseReason.BAD_FRAMES


# -- 97 ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("request_", "reply"), [(b"97\r", b"96\r"), (b"97AZFEF5\r", AZ96)])
def test_97_before_anything_was_sent(request_: bytes, reply: bytes) -> None:
    """Quirks B16: 96, with AZ if the 97 had it; before login as well."""
    for bound in (True, False):
        assert Script(bound=bound).say(request_) == [reply]


def test_97_gets_the_same_bytes_again_and_again() -> None:
    """sip2.md 4.4 rule 2, quirks B16: verbatim, AY included, whatever the 97 looks like."""
    talk = Script()
    said = talk.say(ck(PATRON, b"4"))
    assert talk.say(b"97AZFEF5\r") == said
    assert talk.say(b"97\r") == said
    assert len(talk.served) == 1
    assert talk.counters.resends_in == 2


def test_97_repeats_even_a_96_but_a_96_is_no_last_answer() -> None:
    """sip2.md 4.4 rules 2 and 4."""
    talk = Script()
    said = talk.say(ck(LOAN, b"4"))
    assert talk.say(bad(LOAN, b"5")) == [AZ96]
    assert talk.say(b"97AZFEF5\r") == [AZ96]
    assert talk.say(ck(LOAN, b"4")) == said
    assert len(talk.served) == 1


def test_97_behind_unanswered_requests_waits_for_them() -> None:
    """House, "Order": 97 takes a slot."""
    talk = Script()
    first, second = talk.hear(ck(ITEM, b"1") + ck(STATUS, b"2") + b"97AZFEF5\r")
    talk.session.answer(second, b"second")
    assert talk.session.data_to_send() == []
    talk.session.answer(first, b"first")
    two = seal(b"second", b"2", True)
    assert talk.session.data_to_send() == [seal(b"first", b"1", True), two, two]


def test_97_where_the_branch_does_not_support_it() -> None:
    """CN-5 RESEND=DISABLED."""
    talk = Script(Limits(resend=False))
    talk.say(STATUS + b"\r")
    assert talk.say(b"97\r") == [b"96\r"]


# -- repeats -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [LOAN, RETURN, PATRON, ITEM, RENEW_ALL])
def test_same_ay_and_az_as_the_previous_request_get_its_answer(body: bytes) -> None:
    """sip2.md 4.4 rule 3 (ED-exact-retransmission-checkout)."""
    talk = Script()
    said = talk.say(ck(body, b"3"))
    assert talk.say(ck(body, b"3")) == said
    assert len(talk.served) == 1
    assert talk.counters.repeats == 1


def test_same_ay_with_another_message_is_no_repeat() -> None:
    """Quirks B2 (ED-same-seq-different-message): every message of node-sip2 is AY0."""
    talk = Script()
    talk.say(ck(ITEM, b"0"))
    talk.say(ck(PATRON, b"0"))
    assert [exchange.code for exchange in talk.served] == ["17", "23"]


def test_new_ay_is_no_repeat_for_the_session() -> None:
    """Quirks B5: that one is the journal's (SP-21)."""
    talk = Script()
    talk.say(ck(LOAN, b"1") + ck(LOAN, b"2"))
    assert len(talk.served) == 2


def test_only_the_previous_request_counts() -> None:
    talk = Script()
    talk.say(ck(LOAN, b"1") + ck(STATUS, b"2"))
    talk.say(ck(LOAN, b"1"))
    assert len(talk.served) == 3


def test_status_is_always_answered_afresh() -> None:
    """Issue 3.2."""
    talk = Script()
    assert talk.say(ck(STATUS) + ck(STATUS)) == [seal(b"<99 no %d>" % n, b"1", True) for n in (1, 2)]


@pytest.mark.parametrize(("body", "served"), [
    (LOAN, 1), (RETURN, 1), (RENEW_ALL, 1), (b"01N", 1), (b"15+", 1), (b"19", 1), (b"25", 1), (b"29YN", 1),
    (b"37", 1), (PATRON, 2), (ITEM, 2), (b"63", 2), (b"35", 2), (STATUS, 2),
])  # fmt: skip
@pytest.mark.parametrize("trailer", [False, True])
def test_without_a_sequence_only_effects_repeat(body: bytes, served: int, trailer: bool) -> None:
    """Issue 3.2; AZ alone is no sequence (quirks B4)."""
    frame = seal(body, None, trailer)
    talk = Script()
    first, second = talk.say(frame + frame)
    assert len(talk.served) == served
    assert (first == second) is (served == 1)


def test_without_a_sequence_only_consecutive_ones_repeat() -> None:
    talk = Script()
    talk.say(LOAN + b"\r" + RETURN + b"\r" + LOAN + b"\r")
    assert len(talk.served) == 3


@pytest.mark.parametrize(("later", "served"), [(60.0, 1), (60.1, 2)])
def test_retry_window(later: float, served: int) -> None:
    """SP-21, issue 3.2: a request that looks alike later is a new one (65 without a date next month)."""
    talk = Script()
    talk.say(RENEW_ALL + b"\r")
    talk.now += later
    talk.say(RENEW_ALL + b"\r")
    assert len(talk.served) == served


def test_retry_window_is_timeout_times_tries() -> None:
    """SP-21."""
    assert [retry_window(15, 3), retry_window(30, 3), retry_window(1, 0)] == [60, 120, 60]


@pytest.mark.parametrize("frame", [ck(LOAN, b"5"), LOAN + b"\r"])
def test_repeat_of_an_unanswered_request_waits_for_its_answer(frame: bytes) -> None:
    """House, "Order"; however long it takes."""
    talk = Script()
    [exchange] = talk.hear(frame)
    talk.now += 1000
    assert talk.hear(frame) == []
    assert talk.session.data_to_send() == []
    talk.session.answer(exchange, b"done")
    assert talk.session.data_to_send() == [seal(b"done", exchange.sequence, exchange.checked)] * 2


def test_answer_not_to_be_remembered_is_not_repeated() -> None:
    """ "Not now" is no last word: the same request again is served; a 97 still gets what was sent."""
    talk = Script()
    [exchange] = talk.hear(ck(LOAN))
    talk.session.answer(exchange, b"busy", remember=False)
    busy = talk.session.data_to_send()
    assert talk.say(b"97AZFEF5\r") == busy
    assert talk.say(ck(LOAN)) == [seal(b"<11 no 1>", b"1", True)]


def test_silent_request_is_served_when_it_comes_again() -> None:
    talk = Script()
    [exchange] = talk.hear(ck(LOAN))
    assert talk.hear(ck(LOAN)) == []
    talk.session.silence(exchange)
    assert talk.session.data_to_send() == []
    assert talk.session.unanswered == 0
    assert len(talk.hear(ck(LOAN))) == 1


# -- no reply of another login -------------------------------------------------------------------------------


def test_login_forgets_what_was_said_before() -> None:
    """Issue 3.1, quirks B16: 97 after a login gets the 94, never a reply of the session before."""
    talk = Script()
    talk.say(ck(PATRON, b"1"))
    assert talk.say(ck(LOGIN, b"2") + b"97AZFEF5\r") == [seal(b"941", b"2", True)] * 2
    talk.say(ck(PATRON, b"1"))
    assert [exchange.code for exchange in talk.served] == ["23", "93", "23"]


def test_login_in_silence_forgets_too() -> None:
    talk = Script()
    talk.say(ck(PATRON, b"1"))
    [login] = talk.hear(ck(LOGIN, b"2"))
    talk.session.silence(login)
    assert talk.session.data_to_send() == []
    assert talk.say(b"97\r") == [b"96\r"]


@pytest.mark.parametrize("rebind", [True, False])
def test_binding_without_a_login_forgets(rebind: bool) -> None:
    """A terminal that was re-keyed or moved: nothing said before is repeated."""
    talk = Script()
    talk.say(ck(LOAN, b"1"))
    if rebind:
        talk.session.bind(talk.limits, b"\r")
    else:
        talk.session.unbind()
    assert talk.say(b"97\r") == [b"96\r"]
    talk.say(ck(LOAN, b"1"))
    assert len(talk.served) == 2


def test_97_in_front_of_a_login_still_gets_what_was_sent_before_it() -> None:
    """It came before; only the answers' order counts, not when they are given."""
    talk = Script()
    (first,) = talk.hear(ck(ITEM, b"1") + b"97AZFEF5\r")
    [login] = talk.hear(ck(LOGIN, b"2"))
    talk.session.bind(talk.limits, b"\r")
    talk.session.answer(login, b"941")
    talk.session.answer(first, b"item")
    item = seal(b"item", b"1", True)
    assert talk.session.data_to_send() == [item, item, seal(b"941", b"2", True)]


def test_good_login_repeats_and_failed_one_counts_again() -> None:
    """Rule 3 for 941; each failed 93 is a failure of its own, whatever AY it carries (CN-8)."""
    talk = Script(bound=False)
    wrong = ck(b"9300CNwho|COx|", b"0")
    assert talk.say(wrong + wrong) == [seal(b"940", b"0", True)] * 2
    assert talk.say(ck(LOGIN, b"0") + ck(LOGIN, b"0")) == [seal(b"941", b"0", True)] * 2
    assert len(talk.served) == 3


def test_a_profile_may_serve_a_wrong_checksum() -> None:
    """For a terminal that cannot compute one: counted, served, and answered with a right one."""
    script = Script(Limits(ignore_checksums=True))
    assert script.say(bad(ITEM, b"4")) == [ck(b"<17 no 1>", b"4")]
    assert (script.counters.bad_checksums, len(script.served)) == (1, 1)
