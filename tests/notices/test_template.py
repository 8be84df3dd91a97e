"""Templates: what they can say, and that nothing else can be done with them (stack.md 1.1)."""

import time
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2d.notices import sample
from sip2d.notices.context import MOST_ROWS, TYPES, Facts, names_of
from sip2d.notices.template import (
    MOST_OUTPUT,
    MOST_SUBJECT,
    Source,
    TemplateRefused,
    Unrenderable,
    check,
    one_line,
    printable,
    render,
)
from sip2d.notices.words import Words
from tests.notices.play import TEXTS

PARIS = ZoneInfo("Europe/Paris")
EN = Words("en", TEXTS.forms["en"], PARIS, "EUR", 2)
FR = Words("fr", TEXTS.forms["fr"], PARIS, "EUR", 2)
TOKYO = Words("en", TEXTS.forms["en"], ZoneInfo("Asia/Tokyo"), "EUR", 2)
AT = 1_772_492_399  # 2 March 2026, 23:59:59 in Paris


def told(body: str, code: str = "ODUE", words: Words = EN, **values: object) -> str:
    source = Source("s", body=body)
    check(code, source, words)
    return render(code, source, Facts.of({**sample.values(code), **values}), words).body.rstrip("\n")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("{{ patron_name }}", "Zoë Müller"),
        ("{{ patron_name|upper }}", "ZOË MÜLLER"),
        ("{% for item in items %}{{ loop.index }}:{{ item.title }};{% endfor %}", "1:Les Misérables;2:Emma;"),
        ("{% for item in items if item.author %}{{ item.author }},{% endfor %}", "Victor Hugo,Jane Austen,"),
        ("{% if count > 1 %}many{% else %}one{% endif %}", "many"),
        ("{{ items|length }} {{ 'a' if level == 1 else 'b' }}", "2 a"),
        ("{{ author|default('nobody') }} {{ title ~ '!' }}", "Victor Hugo Les Misérables!"),
        ("{# not shown #}x", "x"),
        ("{{ level in (1, 2) and level is not none and not level == 9 }}.", "."),
    ],
)  # fmt: skip
def test_it_shows_chooses_and_lists(body: str, said: str) -> None:
    assert told(body) == said


@pytest.mark.parametrize(
    ("body", "words", "said"),
    [
        ("{{ due_at|date }}", EN, "Monday 2 March 2026"),
        ("{{ due_at|time }}", EN, "23:59"),
        ("{{ due_at|moment }}", FR, "lundi 2 mars 2026 à 23 h 59"),
        ("{{ due_at|date }}", TOKYO, "Tuesday 3 March 2026"),
        ("{{ today|date }}", FR, "lundi 9 mars 2026"),
    ],
)  # fmt: skip
def test_instants_are_local_to_the_branch_and_in_the_language(body: str, words: Words, said: str) -> None:
    """GN-1."""
    assert told(body, words=words, due_at=AT) == said


def test_the_first_of_a_month_is_first_in_french() -> None:
    assert FR.date("2026-05-01") == "vendredi 1er mai 2026"


@pytest.mark.parametrize(
    ("minor", "words", "said"),
    [
        (1250, EN, "12.50 EUR"),
        (1250, FR, "12,50 €"),
        (-5, FR, "-0,05 €"),
        (1250, Words("en", TEXTS.forms["en"], PARIS, "JPY", 0), "1250 JPY"),
        (None, EN, ""),
    ],
)
def test_money_is_written_from_minor_units(minor: int | None, words: Words, said: str) -> None:
    """GN-3."""
    assert words.money(minor) == said


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("a\nb\n{{ patron_nmae }}", "body, line 3: ODUE notices have no value 'patron_nmae'; did you mean"),
        ("{% if %}", "body, line 1: "),
        ("{{ due_at|dat }}", "body, line 1: there is no filter 'dat'; did you mean 'date'?"),
        ("{{ expires_on }}", "no value 'expires_on'"),
        ("{% for item in items %}{{ item.titel }}{% endfor %}", "did you mean 'title'?"),
        ("{{ items }}", "can only be looped over or counted"),
        ("{% for item in items %}{{ item }}{% endfor %}", "named by its fields"),
        ("{% for a in items %}{% for b in items %}x{% endfor %}{% endfor %}", "a loop stands within a loop"),
        ("{% for c in title %}x{% endfor %}", "only items can be looped over"),
        ("{% for x in range(10) %}x{% endfor %}", "only items can be looped over"),
        ("{% for item in items recursive %}{{ loop(items) }}{% endfor %}", "a loop is written"),
        ("{{ patron_name.upper() }}", "nothing can be called"),
        ("{{ level|money }}{{ title|money }}", "cannot be filled in: an amount is a number"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_be_used_is_refused_with_its_line(body: str, why: str) -> None:
    with pytest.raises(TemplateRefused) as refused:
        check("ODUE", Source("s", body=body), EN)
    assert why in str(refused.value)


def test_a_membership_notice_has_no_list() -> None:
    with pytest.raises(TemplateRefused, match="MEMBERSHIP_BILL notices have no list"):
        check("MEMBERSHIP_BILL", Source("s", body="{% for item in items %}{% endfor %}"), EN)


ATTACKS = (
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ patron_name.__class__ }}",
    "{{ patron_name['__class__'] }}",
    "{{ patron_name|attr('__class__') }}",
    "{{ self.__init__.__globals__ }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__ }}",
    "{{ namespace() }}",
    "{{ '%s'|format(patron_name) }}",
    "{{ '{0.__class__}'.format(patron_name) }}",
    "{{ 'a' * 1000000000 }}",
    "{{ 10 ** 10 ** 10 }}",
    "{{ 'a'|center(1000000000) }}",
    "{{ 'a'|indent(1000000000) }}",
    "{{ title|replace('e', title)|replace('e', title) }}",
    "{{ items|map(attribute='__class__')|list }}",
    "{% for i in items %}{{ loop.__class__ }}{% endfor %}",
    "{% for i in items %}{{ i.__class__ }}{% endfor %}",
    "{% for i in items %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% set s = 'aaaa' %}{% set s = s ~ s %}{{ s }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{% include 'x' %}",
    "{% import 'x' as x %}",
    "{% extends 'x' %}",
    "{% block a %}{% endblock %}",
    "{% filter upper %}x{% endfilter %}",
    "{% with a = 1 %}{% endwith %}",
    "{% raw %}" + "x" * 9_000 + "{% endraw %}",
    "{{ 99999999999999999999 }}",
    "{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}",
    "{{ " + "not " * 1_500 + "1 }}",
    "{% if level %}" * 300 + "{% endif %}" * 300,
    "{{ " + "+".join(["1"] * 2_000) + " }}",
    "{{ " + "9" * 5_000 + " }}",
    "{{ title|truncate(items|length) }}",
    "{{ title|truncate(1) }}",
    "{{ title.title }}",
    "{{ [title][0] }}",
    "{{ {'a': 1}.a }}",
    "{{ title|default(title|default(title), **items) }}",
)


@pytest.mark.parametrize("body", ATTACKS)
def test_attacks_are_refused_with_a_sentence(body: str) -> None:
    """Sandbox: no attribute, no call, no assignment, no multiplication, no depth."""
    started = time.perf_counter()
    with pytest.raises(TemplateRefused) as refused:
        check("ODUE", Source("s", body=body), EN)
    assert str(refused.value).startswith("body")
    assert time.perf_counter() - started < 2


def test_a_text_of_megabytes_is_refused_while_it_grows() -> None:
    """The last word, where 200 long titles meet a long template."""
    source = Source("s", body="{% for item in items %}" + "{{ item.title }}" * 50 + "{% endfor %}")
    check("ODUE", source, EN)
    rows = [{"title": "t" * 10_000}] * 10_000
    with pytest.raises(Unrenderable, match="more than"):
        render("ODUE", source, Facts.of({"items": rows}), EN)


def test_what_is_given_is_cut_to_its_bounds() -> None:
    facts = Facts.of({"items": [{"title": "t" * 10_000, "author": object()}] * 500, "patron_name": "n" * 999})
    rows = facts.values["items"]
    assert isinstance(rows, list)
    assert (len(rows), facts.values["count"], len(rows[0]["title"])) == (MOST_ROWS, 500, 300)
    assert (rows[0]["author"], len(str(facts.values["patron_name"]))) == (None, 300)


def test_one_item_is_a_list_of_one_and_the_first_of_a_list_is_the_item() -> None:
    assert Facts.of({"title": "T"}).values["items"] == [
        {"title": "T", "author": None, "barcode": None, "due_at": None, "branch": None}
    ]
    assert Facts.of({"items": [{"title": "A"}, {"title": "B"}]}).values["title"] == "A"


def test_a_subject_is_one_line_and_no_text_turns_the_page() -> None:
    source = Source("{{ title }}\r\nBcc: x@example.org\n" + "s" * 500, body="a\f\x00b\tc")
    written = render("ODUE", source, Facts.of({"title": "T\nU"}), EN)
    assert written.subject.startswith("T U Bcc: x@example.org sss")
    assert (len(written.subject), written.body) == (MOST_SUBJECT, "a  b\tc\n")


@given(st.text())
def test_no_control_survives(text: str) -> None:
    assert "\n" not in one_line(text)
    assert not {"\r", "\f", "\x00", "\u2028"} & set(one_line(text) + printable(text))
    (one_line(text) + printable(text)).encode()


@pytest.mark.parametrize("language", TEXTS.languages)
@pytest.mark.parametrize("code", TYPES)
def test_every_type_has_a_template_in_every_language(code: str, language: str) -> None:
    """Each with a subject, a beginning, a text and an end; it can be filled whatever is missing."""
    source = TEXTS.templates[language][code]
    assert all((source.subject, source.body_start, source.body, source.body_end))
    words = FR if language == "fr" else EN
    for facts in sample.notices(code):
        written = render(code, source, facts, words)
        assert "None" not in written.body
        assert "{" not in written.subject + written.body
        assert len(written.body) < MOST_OUTPUT
        assert "Zoë Müller" in written.body


def test_a_code_of_the_library_is_of_the_type_it_begins_with() -> None:
    """LO-14: any code may be chosen for a level."""
    assert names_of("ODUE-SOUTH") == names_of("ODUE")
    assert names_of("PREDUEDGST_2") == names_of("PREDUEDGST")
    assert {"items", "amount_minor", "shelf_expires_at"} <= set(names_of("LETTER7"))
    assert "amount_minor" not in names_of("PREDUE")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        pytest.param("MEMBERSHIP_BILL", ("20.00 EUR", "1 year"), id="MB-42"),
        pytest.param("MEMBERSHIP_CONFIRMATION", ("20.00 EUR", "Tuesday 9 March 2027"), id="MB-43"),
        pytest.param("MEMBERSHIP_REMINDER", ("Tuesday 9 March 2027",), id="MB-44"),
        pytest.param(
            "CANCEL_HOLD_ON_LOST",
            ("Zoë Müller", "Les Misérables", "Victor Hugo", "30001000001", "Central"),
            id="LO-74",
        ),
        pytest.param("HOLD_READY", ("Les Misérables", "Central", "Monday 2 March 2026"), id="HO-7"),
        pytest.param("DUE_RECEIPT", ("Les Misérables", "Emma", "Monday 2 March 2026"), id="BR-14"),
    ],
)  # fmt: skip
def test_a_notice_tells_what_its_rule_wants(code: str, words: tuple[str, ...]) -> None:
    written = render(code, TEXTS.templates["en"][code], next(sample.notices(code)), EN)
    assert [word for word in words if word not in written.body] == []


def test_a_confirmation_without_a_bill_names_no_amount() -> None:
    """MB-43, D-14: an existing membership that staff entered."""
    facts = Facts.of({"expires_on": "2027-03-09", "amount_minor": None})
    written = render("MEMBERSHIP_CONFIRMATION", TEXTS.templates["en"]["MEMBERSHIP_CONFIRMATION"], facts, EN)
    assert "EUR" not in written.body
