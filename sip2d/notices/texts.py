"""The templates that come with sip2d, one file a language, and which version a notice is written with.

A branch's version wins over the institution's, that over the one that comes with sip2d (LO-13); all in the
language of the patron if there is any, else in the institution's.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d import packaged
from sip2d.circulation.wording import LANGUAGES
from sip2d.notices.context import TYPES
from sip2d.notices.template import Source, TemplateRefused, check
from sip2d.notices.words import Forms, Words
from sip2d.store.library import Institution
from sip2d.store.notice_templates import Version

FALLBACK: Final = "en"
"""The language that has every template."""

FORMAT: Final = "format"


class Texts(msgspec.Struct, frozen=True):
    """The templates that come with sip2d: by language, then by code; and how each language writes."""

    templates: dict[str, dict[str, Source]]
    forms: dict[str, Forms]

    @classmethod
    def load(cls, folder: Path) -> "Texts":
        """Reads every ``*.toml`` of a folder; the file's name is the language.

        Raises:
            ValueError: a sentence: a template cannot be used, or the folder lacks one in English.
        """
        templates: dict[str, dict[str, Source]] = {}
        forms: dict[str, Forms] = {}
        for path in sorted(folder.glob("*.toml")):
            said = tomllib.loads(path.read_text("utf-8"))
            try:
                forms[path.stem] = msgspec.convert(said.pop(FORMAT, {}), Forms)
                templates[path.stem] = msgspec.convert(said, dict[str, Source])
            except (msgspec.ValidationError, LookupError) as error:
                raise ValueError(f"{path.name}: {error}") from None
        missing = set(TYPES) - set(templates.get(FALLBACK, {}))
        if missing:
            raise ValueError(f"{folder} holds no English template of {', '.join(sorted(missing))}")
        found = cls(templates, forms)
        found._check()
        return found

    @classmethod
    def shipped(cls) -> "Texts":
        """Those that come with sip2d: beside the code in a wheel, in the checkout otherwise."""
        return cls.load(packaged.config("notices"))

    def _check(self) -> None:
        for language, told in self.templates.items():
            words = Words(language, self.forms[language], ZoneInfo("UTC"), "EUR", 2)
            for code, source in told.items():
                try:
                    check(code, source, words)
                except TemplateRefused as error:
                    raise ValueError(f"{language}.toml, {code}: {error}") from None

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that can be written: there are words for them."""
        return tuple(self.forms)

    def words(self, language: str, owner: Institution, zone: ZoneInfo) -> Words:
        """How a language writes for an institution, in a zone."""
        spoken = language if language in self.forms else FALLBACK
        return Words(spoken, self.forms[spoken], zone, owner.currency, owner.decimals)

    def choose(
        self, code: str, transport: str, wanted: Iterable[str | None], own: Mapping[tuple[str, str], Version]
    ) -> tuple[str, Source] | None:
        """The language and the template of a notice; None: there is none of this code (LO-10c).

        ``own`` are the library's versions of this code by language and transport, those of the branch before
        the institution's. A version for e-mail does for letters too, where there is no other.
        """
        for language in dict.fromkeys((*map(spoken, wanted), FALLBACK)):
            for version in _fitting(own, language, transport):
                return language, Source(version.subject, version.body_start, version.body, version.body_end)
            shipped = self.templates.get(language, {}).get(code)
            if shipped is not None:
                return language, shipped
        return None


def spoken(code: str | None) -> str:
    """The language of a patron's record: `fr`, or a code of the wire such as `002`."""
    return LANGUAGES.get(code or "", code or "")


def _fitting(own: Mapping[tuple[str, str], Version], language: str, transport: str) -> list[Version]:
    found = [own[key] for key in dict.fromkeys(((language, transport), (language, "EMAIL"))) if key in own]
    return sorted(found, key=lambda version: version.branch_id is None)
