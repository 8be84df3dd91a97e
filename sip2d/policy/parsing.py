"""How a value written by a person is read: the parsers that circulation rules and settings share.

Every parser takes text and gives a value, or raises ``ValueError`` with the end of a sentence (``is no whole
number``).
"""

import difflib
import enum
import re
from collections.abc import Callable, Iterable
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final, TypeVar

E = TypeVar("E", bound=enum.StrEnum)

_YES: Final = frozenset({"true", "yes", "y", "on", "1"})
_NO: Final = frozenset({"false", "no", "n", "off", "0"})
_DIGITS: Final = re.compile(r"[0-9]{1,9}", re.ASCII)


def whole(text: str, *, least: int = 0, most: int = 99_999) -> int:
    """A whole number within bounds."""
    if not _DIGITS.fullmatch(text):
        raise ValueError("is no whole number")
    number = int(text)
    if not least <= number <= most:
        raise ValueError(f"must lie between {least} and {most}")
    return number


def number(least: int = 0, most: int = 99_999) -> Callable[[str], int]:
    """A parser of whole numbers within bounds."""
    return lambda text: whole(text, least=least, most=most)


def number_or_none(least: int = 0, most: int = 99_999) -> Callable[[str], int | None]:
    """A parser of whole numbers within bounds; blank is None."""
    return lambda text: None if text == "" else whole(text, least=least, most=most)


def truth(text: str) -> bool:
    """``true`` or ``false``, and the usual other ways to write them."""
    word = text.lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise ValueError("must be true or false")


def choice(kind: type[E]) -> Callable[[str], E]:
    """A parser of an enum's values, in either case."""

    def parse(text: str) -> E:
        try:
            return kind(text.upper())
        except ValueError:
            raise ValueError(f"must be one of {', '.join(kind)}") from None

    return parse


def day(text: str) -> date | None:
    """A date as ``2026-12-31``; blank is None."""
    if text == "":
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no date like 2026-12-31") from None


def words(text: str) -> frozenset[str]:
    """A list joined by commas; blank is the empty set."""
    return frozenset(word for word in (part.strip() for part in text.split(",")) if word)


def minor(text: str, decimals: int) -> int | None:
    """An amount as ``12.50`` in minor units; blank is None (GN-3)."""
    if text == "":
        return None
    try:
        amount = Decimal(text.replace(",", ".")).scaleb(decimals)
    except InvalidOperation:
        raise ValueError("is no amount like 12.50") from None
    if not amount.is_finite() or not 0 <= amount <= 10**15:
        raise ValueError("is no amount like 12.50")
    if amount != amount.to_integral_value():
        raise ValueError(f"has more than {decimals} decimals")
    return int(amount)


def rate(text: str) -> Decimal:
    """An amount a unit of time, in major units with at most four decimals, like ``0.25`` (GN-3)."""
    try:
        amount = Decimal(text.replace(",", "."))
    except InvalidOperation:
        raise ValueError("is no rate like 0.25") from None
    if not amount.is_finite() or not 0 <= amount <= 10**9 or amount != round(amount, 4):
        raise ValueError("is no rate like 0.25, with at most four decimals")
    return amount


def rate_or_none(text: str) -> Decimal | None:
    """A rate; blank is None."""
    return None if text == "" else rate(text)


def unknown(kind: str, name: str, known: Iterable[str]) -> ValueError:
    """The error for a name that nobody knows, with the nearest one that exists."""
    near = difflib.get_close_matches(name.lower(), {each.lower(): each for each in known}, n=1, cutoff=0.5)
    spelt = next((each for each in known if near and each.lower() == near[0]), None)
    return ValueError(f"There is no {kind} {name!r}" + (f"; did you mean {spelt!r}?" if spelt else "."))
