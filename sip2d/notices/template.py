"""Templates of notices: written by staff, so compiled in a sandbox and held within bounds (stack.md 1.1).

A template may show values, choose and list: `{{ patron_name }}`, `{% if count > 1 %}`, `{% for item in items
%}`. It can neither call nor assign anything, and a loop holds no other: what it costs is bounded by its
length times the items of a notice. So it is checked when it is saved; `MOST_OUTPUT` is the last word.
"""

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sip2d.notices import grammar, sample
from sip2d.notices.context import Facts
from sip2d.notices.words import Words

PARTS: Final = ("subject", "body_start", "body", "body_end")
"""What a template consists of: the subject, and three parts of the text, put below each other."""

MOST_SOURCE: Final = 8_000
"""Characters of one part."""
MOST_OUTPUT: Final = 100_000
"""Characters of a notice's text."""
MOST_SUBJECT: Final = 200
"""Characters of a rendered subject: one line."""

_FAULTS: Final = (
    TemplateError, TypeError, ValueError, ArithmeticError, RecursionError, MemoryError, SyntaxError,
    AssertionError,  # `truncate` asserts what it is given
)  # fmt: skip
_CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class TemplateRefused(Exception):
    """The template cannot be used; the text is a sentence that says the part and the line."""


class Unrenderable(Exception):
    """The template cannot be filled with these values; the text is a sentence."""


class Source(msgspec.Struct, frozen=True):
    """A template as staff wrote it."""

    subject: str = ""
    body_start: str = ""
    body: str = ""
    body_end: str = ""


class Written(msgspec.Struct, frozen=True):
    """A notice as the patron reads it."""

    subject: str
    body: str


class _Environment(ImmutableSandboxedEnvironment):
    """Rows are read by their fields, a loop by its counters; nothing else has attributes or can be called."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, LoopContext) and attribute in grammar.LOOP:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self.undefined(obj=obj, name=str(argument))

    def is_safe_callable(self, obj: Any) -> bool:
        return False


def _shown(value: object) -> object:
    """Nothing is shown as nothing; so is what is no value."""
    return value if isinstance(value, str | int) and value is not True and value is not False else ""


@functools.cache
def _environment(words: Words) -> _Environment:
    made = _Environment(
        undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True, autoescape=False,
        optimized=False,
    )  # fmt: skip
    made.globals.clear()
    kept = {name: made.filters[name] for name in grammar.BUILT_IN}
    made.filters = {**kept, **words.filters()}
    made.tests = {name: made.tests[name] for name in grammar.TESTS}
    return made


def check(code: str, source: Source, words: Words) -> None:
    """Refuse a template that cannot be used: syntax, names that its type does not know, forbidden things, and
    what fails with the values of a notice or without some of them. Raises `TemplateRefused`."""
    for part in PARTS:
        _compiled(code, part, getattr(source, part), words)
    for facts in sample.notices(code):
        try:
            render(code, source, facts, words)
        except Unrenderable as error:
            raise TemplateRefused(str(error)) from None


def render(code: str, source: Source, facts: Facts, words: Words) -> Written:
    """The notice of these values. Raises `TemplateRefused`, `Unrenderable`."""
    values = words.told(facts.values)
    left = MOST_OUTPUT
    texts = []
    for part in PARTS:
        template = _compiled(code, part, getattr(source, part), words)
        text = _filled(part, template, values, left)
        left -= len(text)
        texts.append(text)
    body = "\n\n".join(text.strip("\r\n") for text in texts[1:] if text.strip())
    return Written(one_line(texts[0])[:MOST_SUBJECT], printable(body) + "\n")


def one_line(text: str) -> str:
    """A text without line ends and controls: fit for a header."""
    return " ".join(_CONTROLS.sub(" ", text).split())


def printable(text: str) -> str:
    """A text of lines without other controls: fit for a mail and a printer, which a form feed would turn."""
    return _CONTROLS.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n"))


@functools.lru_cache(maxsize=1024)
def _compiled(code: str, part: str, source: str, words: Words) -> Template:
    if len(source) > MOST_SOURCE:
        raise TemplateRefused(f"{part}: it is longer than {MOST_SOURCE} characters.")
    environment = _environment(words)
    try:
        tree = environment.parse(source)
        for line, sentence in grammar.findings(code, tree, environment.filters):
            raise TemplateRefused(f"{part}, line {line}: {sentence}")
        compiled: Template = environment.from_string(tree)
    except TemplateSyntaxError as error:
        raise TemplateRefused(f"{part}, line {error.lineno}: {_sentence(error)}") from None
    except _FAULTS as error:
        raise TemplateRefused(f"{part}: it is no template ({type(error).__name__}).") from None
    return compiled


def _filled(part: str, template: Template, values: Mapping[str, object], most: int) -> str:
    pieces: list[str] = []
    try:
        for piece in _pieces(template, values):
            most -= len(piece)
            if most < 0:
                raise Unrenderable(f"{part}: it would make a text of more than {MOST_OUTPUT} characters.")
            pieces.append(piece)
    except _FAULTS as error:
        raise Unrenderable(f"{part}: it cannot be filled in: {_sentence(error)}") from None
    return "".join(pieces)


def _pieces(template: Template, values: Mapping[str, object]) -> Iterator[str]:
    return iter(template.generate(values))


def _sentence(error: BaseException) -> str:
    text = (error.message or "") if isinstance(error, TemplateError) else str(error)
    return (one_line(text).rstrip(".")[:300] or type(error).__name__) + "."
