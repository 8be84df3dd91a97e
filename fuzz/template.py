"""Invariant: whatever text staff save as a template, it is refused with a sentence of one line, or it fills
in every notice within its bounds, or says in a sentence why it cannot; nothing else is raised, and nobody
waits for it.

The first byte chooses the type, the rest is the template.
"""

import time
from zoneinfo import ZoneInfo

from sip2d.notices import sample
from sip2d.notices.context import ITEM, MOST_ROWS, TYPES, Facts
from sip2d.notices.template import (
    MOST_OUTPUT,
    MOST_SUBJECT,
    Source,
    TemplateRefused,
    Unrenderable,
    check,
    render,
)
from sip2d.notices.texts import Texts
from sip2d.notices.words import Words

SECONDS = 5.0
CODES = (*TYPES, "LETTER7")
_ROW = {**dict.fromkeys(ITEM, "é" * 400), "due_at": 0}
FULL = Facts.of({**_ROW, "items": [_ROW] * (MOST_ROWS + 1)})
_WORDS = Words("en", Texts.shipped().forms["en"], ZoneInfo("Europe/Paris"), "EUR", 2)
_TEXTS = (
    (
        "ODUE",
        "{% for item in items %}{{ loop.index }} {{ item.title|upper }} {{ item.due_at|date }}{%endfor%}",
    ),
    ("ODUE", "{% if count > 1 %}{{ count }}{% elif level == 2 %}x{% else %}{{ title ~ author }}{% endif %}"),
    ("MEMBERSHIP_BILL", "{{ amount_minor|money }} {{ duration }} {{ expires_on|date }}"),
    ("HOLD_READY", "{{ shelf_expires_at|moment }} {{ author|default('-')|truncate(9, true, '..') }}"),
    ("PREDUE", "{{ ''.__class__.__mro__[1].__subclasses__() }}"),
    ("PREDUE", "{{ 'a' * 999999999 }}{{ 9 ** 9 ** 9 }}{{ title|replace('a', title) }}"),
    ("DUE", "{% for a in items %}{% for b in items %}{{ a.title }}{% endfor %}{% endfor %}"),
    ("DUE", "{% set a = 'x' %}{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"),
    ("LETTER7", "{% for x in range(999999999) %}{% endfor %}{{ (((((1))))) + 1 - 2 }}"),
    ("LETTER7", "{{ not not not title is defined and level in (1, [2]) or items|length > 3 }}"),
    ("LETTER7", "{# c #}{% raw %}{{ x }}{% endraw %}{%- if title -%} a {%- endif -%}"),
)

SEEDS: tuple[bytes, ...] = tuple(bytes((CODES.index(code),)) + text.encode() for code, text in _TEXTS)


def one_input(data: bytes) -> None:
    """Holds the invariant to one template, in each of its parts."""
    code = CODES[data[0] % len(CODES)] if data else CODES[0]
    text = data[1:].decode("utf-8", "replace")
    started = time.monotonic()
    for source in (Source("s", body=text), Source(text, body="b")):
        why = _refusal(code, source)
        if why is not None:
            assert why.strip()
            continue
        for facts in (*sample.notices(code), FULL, Facts.of({})):
            _within_bounds(code, source, facts)
    assert time.monotonic() - started < SECONDS


def _refusal(code: str, source: Source) -> str | None:
    try:
        check(code, source, _WORDS)
    except TemplateRefused as refused:
        return str(refused)
    return None


def _within_bounds(code: str, source: Source, facts: Facts) -> None:
    written = None
    why = ""
    try:
        written = render(code, source, facts, _WORDS)
    except Unrenderable as fault:
        why = str(fault)
    if written is None:
        assert why.strip()
        return
    assert len(written.subject) <= MOST_SUBJECT
    assert not set(written.subject) & set("\r\n\f\0")
    assert len(written.body) <= MOST_OUTPUT + 8
    assert not set(written.body) & set("\r\f\0")
    assert "object at 0x" not in written.body
    written.body.encode()
