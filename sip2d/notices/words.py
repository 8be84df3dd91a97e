"""Amounts, dates, times and spans in words, as a language writes them, in the zone of the branch.

How is data: the table ``format`` of ``config/notices/<language>.toml``.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

import msgspec


class Forms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a language writes. ``date`` may hold {weekday} {day} {month} {number} {year}, ``time`` {hour}
    {minute}, ``moment`` {date} {time}, ``money`` {amount} {currency}; ``first`` is how the first day of a
    month is written; ``units`` are one and several of DAY, WEEK, MONTH, YEAR.
    """

    date: str
    time: str
    moment: str
    money: str
    decimal: str
    months: tuple[str, ...]
    weekdays: tuple[str, ...]
    units: dict[str, tuple[str, str]]
    first: str = "1"
    symbols: dict[str, str] = {}

    def __post_init__(self) -> None:
        if len(self.months) != 12 or len(self.weekdays) != 7:
            raise ValueError("there are twelve months and seven weekdays")
        day = dt.date(2026, 3, 1)
        self.written(day)
        self.moment.format(date="", time=self.time.format(hour=0, minute=0))
        self.money.format(amount="", currency="")

    def written(self, day: dt.date) -> str:
        """A date."""
        return self.date.format(
            weekday=self.weekdays[day.weekday()],
            day=self.first if day.day == 1 else day.day,
            month=self.months[day.month - 1],
            number=day.month,
            year=day.year,
        )


class Words:
    """One language at one place: the filters of a template. Equal ones are one (templates are compiled by
    them)."""

    __slots__ = ("_key", "currency", "decimals", "forms", "language", "zone")

    def __init__(self, language: str, forms: Forms, zone: ZoneInfo, currency: str, decimals: int) -> None:
        self.language = language
        self.forms = forms
        self.zone = zone
        self.currency = currency
        self.decimals = decimals
        self._key = (language, id(forms), zone.key, currency, decimals)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Words) and self._key == other._key

    def filters(self) -> dict[str, Callable[..., str]]:
        """By name: `date` of a date or an instant, `time` and `moment` of an instant (epoch seconds), `money`
        of minor units."""
        return {"date": self.date, "time": self.time, "moment": self.moment, "money": self.money}

    def told(self, values: Mapping[str, object]) -> dict[str, object]:
        """The values of a notice with those that are words: the duration of a membership."""
        period, unit = values.get("period"), values.get("period_unit")
        span = self.span(period, unit) if isinstance(period, int) and isinstance(unit, str) else None
        return {**values, "duration": span}

    def span(self, number: int, unit: str) -> str:
        """`1 year`, `6 months`."""
        one, several = self.forms.units.get(unit, (unit.lower(), unit.lower()))
        return f"{number} {one if number == 1 else several}"

    def date(self, value: object) -> str:
        """The local date."""
        if value is None:
            return ""
        if isinstance(value, str):
            return self.forms.written(dt.date.fromisoformat(value))
        return self.forms.written(self._local(value).date())

    def time(self, value: object) -> str:
        """The local time, to the minute."""
        if value is None:
            return ""
        local = self._local(value)
        return self.forms.time.format(hour=local.hour, minute=local.minute)

    def moment(self, value: object) -> str:
        """Both."""
        if value is None:
            return ""
        return self.forms.moment.format(date=self.date(value), time=self.time(value))

    def money(self, value: object) -> str:
        """An amount with its currency."""
        if value is None:
            return ""
        if not isinstance(value, int):
            raise ValueError("an amount is a number of minor units")
        whole, part = divmod(abs(value), 10**self.decimals)
        sign = "-" if value < 0 else ""
        amount = f"{sign}{whole}"
        if self.decimals > 0:
            amount += f"{self.forms.decimal}{part:0{self.decimals}d}"
        currency = self.forms.symbols.get(self.currency, self.currency)
        return self.forms.money.format(amount=amount, currency=currency)

    def _local(self, value: object) -> dt.datetime:
        if not isinstance(value, int):
            raise ValueError("an instant is a number of seconds")
        try:
            return dt.datetime.fromtimestamp(value, dt.UTC).astimezone(self.zone)
        except (OverflowError, OSError):
            raise ValueError("an instant is out of all time") from None
