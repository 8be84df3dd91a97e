"""What the screen says: from a scenario to text in the language of the request (SP-9).

Default texts are files, one a language; an institution may have its own for a scenario, and an empty one
says nothing. Texts hold placeholders, reasons hold domain values: here the two meet, and nowhere else.
"""

import functools
import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Final, Protocol
from zoneinfo import ZoneInfo

import msgspec

from sip2d import packaged
from sip2d.policy.decision import Reason
from sip2d.policy.facts import PatronFacts
from sip2d.policy.texts import BRACED, check_text
from sip2d.store.library import Branch, Institution
from sip2d.wire.kinds import money

FALLBACK: Final = "en"
"""The language that has every text."""

UNTOLD: Final = "REFUSED"
"""Said for a scenario without a text: a refusal is never silent."""

LANGUAGES: Final = {"001": "en", "002": "fr", "011": "fr", "024": "en"}
"""Our languages by the codes of the wire (sip2.md 2.8)."""

# The delimiter and the controls mean something on the wire (SP-9); the codec looks after other delimiters.
_UNPRINTABLE: Final = str.maketrans(dict.fromkeys((*range(32), 127, ord("|")), " "))


class Place(Protocol):
    """Where a text is shown: the caller's institution and branch."""

    @property
    def institution(self) -> Institution:
        """Whose texts and whose currency."""

    @property
    def branch(self) -> Branch:
        """Whose clock, whose default language."""

    @property
    def width(self) -> int:
        """Where a text is split into lines; 0 nowhere."""


class Catalogue(msgspec.Struct, frozen=True):
    """The default texts: by language (``en``, ``fr``), then by scenario."""

    texts: dict[str, dict[str, str]]

    @classmethod
    def load(cls, folder: Path) -> "Catalogue":
        """Reads every ``*.toml`` of a folder; the file's name is the language.

        Raises:
            ValueError: a text holds an unknown placeholder, or the folder has no English texts.
        """
        texts = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(folder.glob("*.toml"))}
        if FALLBACK not in texts:
            raise ValueError(f"{folder} holds no {FALLBACK}.toml")
        for language, told in texts.items():
            for scenario, text in told.items():
                try:
                    check_text(text)
                except ValueError as error:
                    raise ValueError(f"{language}.toml, {scenario}: {error}") from None
        return cls(texts)

    @classmethod
    def shipped(cls) -> "Catalogue":
        """The texts that come with sip2d: beside the code in a wheel, in the checkout otherwise."""
        return cls.load(packaged.config("messages"))


class Wording(msgspec.Struct, frozen=True):
    """Screen texts of an epoch: the defaults, and what institutions customised (``Library.texts``)."""

    catalogue: Catalogue
    customised: Mapping[tuple[int, str, str], str] = {}

    def language(self, code: str, patron: PatronFacts | None, place: Place) -> str:
        """The language of an answer: the request's if we speak it, else the branch's, else the institution's
        (SP-9).

        ``code`` is of the wire (``001``) or empty. The patron's own language is not asked: the screen
        belongs to whoever chose on it.
        """
        return self._spoken(LANGUAGES.get(code), place.branch.sip2.language, place.institution.language)

    def speaks(self, code: str) -> bool:
        """Whether this language code of the wire asks for texts there are."""
        return LANGUAGES.get(code) in self.catalogue.texts

    def unplaced(self, what: Reason | str, code: str, institution: Institution | None) -> tuple[str, ...]:
        """The screen message of a terminal that is not bound to a branch yet (CN-7): no values, no width."""
        language = self._spoken(LANGUAGES.get(code), institution.language if institution else None)
        scenario = what if isinstance(what, str) else what.scenario
        text = self.text(institution.id if institution else 0, scenario, language)
        return split(_printable(BRACED.sub("", text)).strip(), 0)

    def _spoken(self, *wanted: str | None) -> str:
        for language in wanted:  # asked of every exchange: a generator takes 0.3 us more
            if language in self.catalogue.texts:
                return language
        return FALLBACK

    def text(self, institution_id: int, scenario: str, language: str) -> str:
        """The text of a scenario, with its placeholders; empty when the institution wants none."""
        own = self.customised.get((institution_id, scenario, language))
        if own is not None:
            return own
        texts = self.catalogue.texts
        for told in (texts.get(language, {}), texts[FALLBACK]):
            if scenario in told:
                return told[scenario]
        return self.text(institution_id, UNTOLD, language)

    def lines(
        self, what: Reason | str, language: str, place: Place, patron: PatronFacts | None = None
    ) -> tuple[str, ...]:
        """The screen messages of a reason or a scenario: one, or more where the screen is narrow; none when
        the text is empty."""
        scenario, values = (what, {}) if isinstance(what, str) else (what.scenario, _values(what))
        values.setdefault("branch", place.branch.name)
        if patron is not None:
            values.setdefault("patron_name", patron.name)
        said, rest = _pieces(self.text(place.institution.id, scenario, language))
        for name, after in rest:
            value = self._value(name, values, language, place)
            # A reason that staff wrote as a sentence needs no second full stop.
            said += (value.rstrip(". ") if after.startswith(".") else value) + after
        return split(_printable(said).strip(), place.width)

    def _value(self, name: str, values: Mapping[str, object], language: str, place: Place) -> str:
        institution = place.institution
        minor = values.get(f"{name}_minor", values.get(name) if name == "amount" else None)
        if isinstance(minor, int):
            return f"{money(minor, institution.decimals)} {institution.currency}"
        value = values.get(name)
        if name == "reason" and isinstance(value, str):
            own = f"REASON_{value}"
            told = self.catalogue.texts.get(language, {})
            return self.text(institution.id, own, language) if own in told else value
        return _shown(value, place.branch.zone)


@functools.lru_cache(maxsize=1024)
def _pieces(template: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """What stands before the first placeholder, and of each its name and what stands behind it: cut once,
    4 us less a text."""
    before, *rest = BRACED.split(template)
    return before, tuple(zip(rest[::2], rest[1::2], strict=True))


def _printable(text: str) -> str:
    """Nearly every text is: 0.1 us instead of 1.5."""
    return text if text.isprintable() and "|" not in text else text.translate(_UNPRINTABLE)


def _values(reason: Reason) -> dict[str, object]:
    values = dict(reason.values)
    if values.get("expires_at") is None and reason.expires_at is not None:
        values["expires_at"] = reason.expires_at
    return values


@functools.lru_cache(maxsize=1024)
def _minute(instant: datetime, zone: ZoneInfo) -> str:
    """In the branch's time to the minute: 2 us (strftime 13), and most loans end at the end of some day."""
    return instant.astimezone(zone).replace(tzinfo=None).isoformat(" ", "minutes")


def _shown(value: object, zone: ZoneInfo) -> str:
    """Instants in the branch's time to the minute, dates as they are (SP-30); nothing for nothing."""
    if isinstance(value, datetime):
        return _minute(value, zone)
    if isinstance(value, date):
        return value.isoformat()
    return "" if value is None else str(value)


def split(text: str, width: int) -> tuple[str, ...]:
    """A text in lines of at most ``width`` characters, broken between words; a longer word is cut. Width 0
    breaks nothing."""
    if not text:
        return ()
    if width <= 0 or len(text) <= width:
        return (text,)
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        while len(joined) > width:
            if line:
                lines.append(line)
                line, joined = "", word
            else:
                lines.append(joined[:width])
                joined = joined[width:]
        line = joined
    return (*lines, line) if line else tuple(lines)
