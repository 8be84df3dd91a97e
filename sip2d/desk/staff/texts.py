"""Screen texts of an institution (SP-9): its own wording of a scenario in one language, or none at all.

The default texts are files that circulation reads; whoever calls brings them along.
"""

from collections.abc import Iterable, Mapping

from sip2d.desk.staff import find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.work import Refused, Work
from sip2d.policy.texts import check_text
from sip2d.store import records
from sip2d.store.library import Institution
from sip2d.store.records import Record
from sip2d.store.tables import custom_message

Defaults = Mapping[str, Mapping[str, str]]
"""The default texts: by language, then by scenario."""

CUSTOMISED = "customised"
NOT_CUSTOMISED = "not customised"


def listing(
    work: Work,
    defaults: Defaults,
    institution_code: str | None = None,
    *,
    language: str | None = None,
    customised: bool = False,
) -> list[Record]:
    """Every scenario with the text in force, in one language (the institution's own by default);
    ``customised``: only those that differ from the default.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    spoken = _language(defaults, language or owner.language)
    own = _own(work, owner)
    names = dict.fromkeys([*_scenarios(defaults), *sorted(name for name, _ in own)])
    found = (_shown(owner, defaults, own, name, spoken) for name in names)
    return [row for row in found if not customised or row["state"] == CUSTOMISED]


def show(work: Work, defaults: Defaults, scenario: str, institution_code: str | None = None) -> list[Record]:
    """One scenario in every language, beside its default."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    own = _own(work, owner)
    name = _scenario(defaults, scenario, own)
    return [
        {**_shown(owner, defaults, own, name, spoken), "default": defaults[spoken].get(name)}
        for spoken in defaults
    ]


def change(
    work: Work,
    defaults: Defaults,
    scenario: str,
    text: str,
    institution_code: str | None = None,
    *,
    language: str | None = None,
) -> Record:
    """Give a scenario a text of the institution's own; an empty one says nothing. Unknown placeholders are
    refused.
    """
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_SERVICE, owner.id)
    spoken = _language(defaults, language or owner.language)
    name = _scenario(defaults, scenario)
    wanted = text.strip()
    try:
        check_text(wanted)
    except ValueError as error:
        raise Refused(str(error)) from None
    key = {"institution_id": owner.id, "scenario": name, "language": spoken}
    row = records.one(work.unit, custom_message, **key)
    if row is None:
        records.add(work.unit, custom_message, **key, text=wanted)
    elif row["text"] != wanted:
        records.change(work.unit, custom_message, {"text": wanted}, **key)
    if row is None or row["text"] != wanted:
        before = {"text": row["text"]} if row else None
        work.record("custom_message", _id(owner, name, spoken), "set", before, {"text": wanted})
    return _shown(owner, defaults, _own(work, owner), name, spoken)


def reset(
    work: Work,
    defaults: Defaults,
    scenario: str,
    institution_code: str | None = None,
    *,
    language: str | None = None,
) -> list[Record]:
    """Go back to the default of a scenario, in one language or in all."""
    owner = find.institution(work, institution_code)
    work.require(Act.CONFIGURE_SERVICE, owner.id)
    before = _own(work, owner)
    name = _scenario(defaults, scenario, before)
    for spoken in [_language(defaults, language)] if language else list(defaults):
        key = {"institution_id": owner.id, "scenario": name, "language": spoken}
        if records.remove(work.unit, custom_message, **key):
            was = {"text": before[name, spoken]}
            work.record("custom_message", _id(owner, name, spoken), "reset", was, None)
    return show(work, defaults, name, owner.code)


def _scenarios(defaults: Defaults) -> list[str]:
    return list(dict.fromkeys(name for told in defaults.values() for name in told))


def _scenario(defaults: Defaults, name: str, own: Iterable[tuple[str, str]] = ()) -> str:
    known = {*_scenarios(defaults), *(scenario for scenario, _ in own)}
    if name.upper() not in known:
        raise find.missing("scenario", name.upper(), known)
    return name.upper()


def _language(defaults: Defaults, language: str) -> str:
    if language not in defaults:
        raise Refused(f"There are no texts in {language!r}, only in {', '.join(defaults)}.")
    return language


def _own(work: Work, owner: Institution) -> dict[tuple[str, str], str]:
    rows = records.rows(work.unit, custom_message, institution_id=owner.id)
    return {(row["scenario"], row["language"]): row["text"] for row in rows}


def _shown(
    owner: Institution, defaults: Defaults, own: Mapping[tuple[str, str], str], name: str, language: str
) -> Record:
    text = own.get((name, language))
    return {
        "institution": owner.code,
        "scenario": name,
        "language": language,
        "text": defaults[language].get(name) if text is None else text,
        "state": NOT_CUSTOMISED if text is None else CUSTOMISED,
    }


def _id(owner: Institution, scenario: str, language: str) -> str:
    return f"{owner.code}/{scenario}/{language}"
