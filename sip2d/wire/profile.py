"""Profile: one frozen record of what a vendor's terminal wants otherwise, one documented field a quirk.

Code asks for the quirk, never for the vendor. The defaults are the standard; the files of ``config/profiles``
are loaded with ``extends``, unknown keys refused with a suggestion.
"""

import difflib
import functools
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from sip2d import packaged
from sip2d.wire import charset as charsets
from sip2d.wire.layout import ALL_MESSAGES
from sip2d.wire.template import FEE_NAMES, ITEM_NAMES, PATRON_NAMES, check_template

Charset = Literal["utf-8", "latin-1", "cp850", "ascii"]
PatronFlags = frozenset[Annotated[int, msgspec.Meta(ge=0, le=13)]]
ALL_FLAGS: Final[frozenset[int]] = frozenset(range(14))

_ID = re.compile("[A-Z][A-Z0-9]")
_HIDE = re.compile("(?:([0-9]{2})[.:])?([A-Z][A-Z0-9])")
_DUE_CODE = re.compile("%(.?)", re.DOTALL)
_CODES: Final[frozenset[str]] = frozenset(message.code for message in ALL_MESSAGES)


class ProfileError(ValueError):
    """A profile that cannot be used, said in a sentence."""


class Barcodes(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a scanned code becomes the barcode that is looked up (the answer always echoes what was sent).

    Applied in this order: ``trim``, ``extract``, ``strip_prefix``, ``add_prefix``.
    """

    # Drop blanks around the code (quirks E12).
    trim: bool = True
    # A regular expression; its first group, or all it matched, is the barcode. What does not match stays as
    # it is.
    extract: str = ""
    # Dropped from the front when it is there.
    strip_prefix: str = ""
    # Put in front unless it is there.
    add_prefix: str = ""

    def __post_init__(self) -> None:
        try:
            re.compile(self.extract)
        except re.error as error:
            raise ValueError(f"extract is not a regular expression: {error}") from None

    def normal(self, code: str) -> str:
        """The barcode to look up for a code as it was sent."""
        if self.trim:
            code = code.strip()
        if self.extract and (match := re.search(self.extract, code)):
            code = (match[1] if match.re.groups else match[0]) or code
        if self.strip_prefix:
            code = code.removeprefix(self.strip_prefix)
        return code if code.startswith(self.add_prefix) else self.add_prefix + code


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, dict=True, kw_only=True):
    """What one kind of terminal sends and expects."""

    # Its own name: the file's.
    name: str = "standard"
    # The profile whose values hold where this one is silent.
    extends: str = ""
    # A sentence for a technician who has to choose.
    about: str = ""

    # -- the line (sip2.md 3, 4) -----------------------------------------------------------------------------
    # Characters on the wire, both ways; what it lacks is transliterated.
    charset: Charset = "utf-8"
    # What ends an answer. Requests may end in CR, LF or both whatever stands here (quirks A3, A4).
    terminator: Literal["CR", "CRLF"] = "CR"
    # Between fields; one byte, never a letter, digit or blank (sip2.md 3.4).
    delimiter: str = "|"
    # `mirror` answers with AY and AZ when the request had them; `required` refuses a request without (sip2.md
    # 4.3).
    error_detection: Literal["mirror", "required"] = "mirror"
    # Take a request's checksum summed over code points instead of bytes, which 10 of 27 clients send (quirks
    # B10).
    accept_codepoint_checksum: bool = True
    # Do the work of a request whose checksum is wrong, for a terminal that cannot compute one.
    ignore_checksum: bool = False

    # -- values ----------------------------------------------------------------------------------------------
    # AH: `sip` (18 characters), `iso` (2026-11-30 23:59:00), or numeric % codes such as %d/%m/%Y (sip2.md
    # 3.7).
    due_date_format: str = "sip"
    # Code of 2.6 for screen texts when the request asks 000; empty: the branch's own.
    language: str = ""
    # "Hold items count" of 64: holds ready on the shelf, or all of them (sip2.md 2.5).
    hold_count: Literal["ready", "all"] = "ready"
    # What AT, AU and AV name an item by.
    loan_list: Literal["barcode", "title"] = "barcode"
    # What AS, BU and CD name a hold by.
    hold_list: Literal["barcode", "title"] = "barcode"
    # The most items one list of 64 carries; 0: as many as fit into 8192 bytes (quirks A14).
    max_list_items: Annotated[int, msgspec.Meta(ge=0, le=9999)] = 0

    # -- patrons ---------------------------------------------------------------------------------------------
    # CQ when no PIN came: left out, or N. It is never Y (quirks E3).
    cq_without_pin: Literal["absent", "N"] = "absent"
    # BL of 64: the patron's standing (SP-6), or only whether the record exists.
    valid_patron: Literal["standing", "record"] = "standing"
    # Patron status positions that may be Y; the others are blank whatever the patron did (peers: an e-book
    # vendor that honours them).
    patron_status_flags: PatronFlags = ALL_FLAGS
    # AF on success as well ("OK"); refusals always have one.
    af_on_success: bool = False
    # AG repeats AF, for kiosks that print what they show.
    print_screen_messages: bool = False

    # -- returns ---------------------------------------------------------------------------------------------
    # `ok` of a return that was not on loan: with N some sorters keep the slot shut (sip2.md 6.3).
    ok_of_return_not_on_loan: bool = True
    # Alert Y only when there is an alert type; else for every return that was not ok as well.
    cv_triggers_alert: bool = True
    # CV00 on a return nobody has to act on.
    cv_send_00_on_success: bool = False
    # CT on every return, not only when the item has to travel.
    ct_always_send: bool = False
    # CL, the sort bin.
    send_sort_bin: bool = True
    # Alert types that raise the alert flag; empty: all.
    alert_types: tuple[Literal["00", "01", "02", "03", "04", "98", "99"], ...] = ()
    # CR CS CT CV CY DA, 3M's extensions for sorters (sip2.md 7).
    send_extensions: bool = False

    # -- money -----------------------------------------------------------------------------------------------
    # Payment type of 37 that writes a fee off; empty: none does.
    payment_type_writeoff: str = ""
    # Refuse a payment above what is owed.
    refuse_overpayment: bool = False

    # -- fields ----------------------------------------------------------------------------------------------
    # Never sent: `BD` everywhere, `24.AE` in one message. Applied last; a required field stays, empty
    # (sip2.md 1.3).
    hide_fields: frozenset[str] = frozenset()
    # AE, AV and DA from {name} places.
    ae_template: str = "{name}"
    av_template: str = "{amount} {type} {title}"
    da_template: str = "{name}"
    # Further fields of 24 and 64, of 18, by id.
    custom_patron_fields: dict[str, str] = {}
    custom_item_fields: dict[str, str] = {}

    # -- barcodes --------------------------------------------------------------------------------------------
    patron_barcode: Barcodes = Barcodes()
    item_barcode: Barcodes = Barcodes()

    @functools.cached_property
    def memo(self) -> dict[object, Any]:
        """What others compute once per profile (the codec's compiled functions); dies with the profile."""
        return {}

    @functools.cached_property
    def terminator_bytes(self) -> bytes:
        """What ends an answer."""
        return b"\r" if self.terminator == "CR" else b"\r\n"

    def hidden(self, code: str) -> frozenset[str]:
        """Ids that are not sent in the message of this code."""
        found = [_HIDE.fullmatch(entry) for entry in self.hide_fields]
        return frozenset(match[2] for match in found if match and match[1] in (None, code))

    def __post_init__(self) -> None:
        _check_delimiter(self.delimiter, self.charset)
        _check_due_date(self.due_date_format)
        for entry in sorted(self.hide_fields):
            match = _HIDE.fullmatch(entry)
            if match is None or (match[1] is not None and match[1] not in _CODES):
                raise ValueError(
                    f"hide_fields: {entry!r} is neither an id such as BD nor one of a message such as 24.AE"
                )
        for name, template, allowed in (
            ("ae_template", self.ae_template, PATRON_NAMES),
            ("da_template", self.da_template, PATRON_NAMES),
            ("av_template", self.av_template, FEE_NAMES),
        ):
            _check_template(name, template, allowed)
        for name, table, allowed in (
            ("custom_patron_fields", self.custom_patron_fields, PATRON_NAMES),
            ("custom_item_fields", self.custom_item_fields, ITEM_NAMES),
        ):
            for field_id, template in table.items():
                if not _ID.fullmatch(field_id) or field_id in ("AY", "AZ"):
                    raise ValueError(
                        f"{name}: {field_id!r} is not a field id (a letter, then a letter or digit)"
                    )
                _check_template(f"{name}.{field_id}", template, allowed)
        if not re.fullmatch("([0-9]{2})?", self.payment_type_writeoff):
            raise ValueError("payment_type_writeoff is two digits, or empty")
        if not re.fullmatch("([0-9]{3})?", self.language):
            raise ValueError("language is three digits, or empty")


def _check_delimiter(delimiter: str, charset: str) -> None:
    if len(delimiter) != 1 or len(charsets.encode(delimiter, charset)) != 1:
        raise ValueError(f"delimiter is one character of one byte in {charset}")
    if delimiter.isalnum() or delimiter in " \r\n\0+-*.?":
        raise ValueError(f"delimiter {delimiter!r} would be taken for a value")


def _check_due_date(written: str) -> None:
    if written in ("sip", "iso"):
        return
    codes = _DUE_CODE.findall(written)
    if not codes or not set(codes) <= set("dmYyHMSj%"):
        raise ValueError(
            "due_date_format is sip, iso, or a pattern of %d %m %Y %y %H %M %S, such as %d/%m/%Y"
        )


def _check_template(name: str, template: str, allowed: frozenset[str]) -> None:
    try:
        check_template(template, allowed)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


STANDARD: Final = Profile()


def load_profiles(*folders: Path) -> dict[str, Profile]:
    """Every ``*.toml`` of the folders, by name; a later folder replaces a profile of an earlier one.

    Without a folder: the packaged ones. Raises ``ProfileError`` that names file and key.
    """
    written: dict[str, tuple[Path, dict[str, Any]]] = {}
    for folder in folders or (packaged.config("profiles"),):
        for file in sorted(folder.glob("*.toml")):
            written[file.stem] = (file, _read(file))
    return {name: _profile(name, written) for name in sorted(written)}


def _read(file: Path) -> dict[str, Any]:
    try:
        values = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ProfileError(f"{file}: cannot be read: {error}") from None
    _refuse_unknown(file, values, Profile.__struct_fields__, "")
    for table in ("patron_barcode", "item_barcode"):
        if isinstance(values.get(table), dict):
            _refuse_unknown(file, values[table], Barcodes.__struct_fields__, f"{table}.")
    if values.get("name", file.stem) != file.stem:
        raise ProfileError(
            f"{file}: name is {values['name']!r}, but a profile is named after its file, {file.stem!r}"
        )
    return values


def _refuse_unknown(file: Path, values: dict[str, Any], known: Iterable[str], prefix: str) -> None:
    names = list(known)
    for key in values:
        if key not in names:
            close = difflib.get_close_matches(key, names, 1)
            hint = f"; did you mean {prefix}{close[0]}?" if close else ""
            raise ProfileError(f"{file}: there is no key {prefix}{key}{hint}")


def _profile(name: str, written: dict[str, tuple[Path, dict[str, Any]]]) -> Profile:
    file, _ = written[name]
    chain: list[dict[str, Any]] = []
    seen: list[str] = []
    current = name
    while current:
        if current in seen:
            raise ProfileError(f"{file}: extends goes round in a circle: {' -> '.join([*seen, current])}")
        if current not in written:
            close = difflib.get_close_matches(current, written, 1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ProfileError(f"{written[seen[-1]][0]}: extends {current!r}, which does not exist{hint}")
        seen.append(current)
        chain.append(written[current][1])
        following = chain[-1].get("extends", "")
        if not isinstance(following, str):
            raise ProfileError(f"{written[current][0]}: extends is the name of one profile")
        current = following
    merged: dict[str, Any] = {}
    for values in reversed(chain):
        for key, value in values.items():
            both = isinstance(value, dict) and isinstance(merged.get(key), dict)
            merged[key] = {**merged[key], **value} if both else value
    own = chain[0]
    merged |= {"name": name, "extends": own.get("extends", ""), "about": own.get("about", "")}
    try:
        return msgspec.convert(merged, Profile)
    except (msgspec.ValidationError, ValueError) as error:
        raise ProfileError(f"{file}: {error}") from None
