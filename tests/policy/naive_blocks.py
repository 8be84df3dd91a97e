"""Overdue blocks and demerits by counting on the fingers: the oracle of the properties. Of the policy it
shares the calendar's opening and nothing else: days are walked one by one, every point is a coin of its own.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from tests.policy.naive_fines import Opening

DAY = timedelta(days=1)


def lateness(opening: Opening, due: datetime, back: datetime) -> tuple[int, int]:
    """Whole days of 24 hours late, and the open ones of the dates that follow the due date so often."""
    days = open_days = 0
    day = due.astimezone(opening.zone).date()
    due, back = due.astimezone(UTC), back.astimezone(UTC)
    while due + DAY <= back:
        due += DAY
        day += DAY
        days += 1
        open_days += opening.is_open(day)
    return days, open_days


def later(opening: Opening, base: datetime, number: int, unit: str) -> datetime:
    """``number`` WHOLE_DAYS, WEEKS, MONTHS or OPEN_DAYS after an instant."""
    if unit == "WHOLE_DAYS":
        moment = base.astimezone(UTC)
        for _ in range(number * 24):
            moment += timedelta(hours=1)
        return moment
    local = base.astimezone(opening.zone)
    day = local.date()
    if unit == "MONTHS":
        day = _months(day, number)
    while unit in ("WEEKS", "OPEN_DAYS") and number > 0:
        day += DAY
        if unit == "WEEKS":
            number -= day.weekday() == local.weekday()
        else:
            number -= opening.is_open(day)
    return datetime.combine(day, local.time(), opening.zone).astimezone(UTC)


def _months(day: date, number: int) -> date:
    year, month = day.year, day.month
    for _ in range(number):
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    wanted = day.day
    while True:
        try:
            return date(year, month, wanted)
        except ValueError:
            wanted -= 1


def block(
    opening: Opening, value: int, unit: str, due: datetime, back: datetime, base: datetime | None = None
) -> datetime | None:
    """Until when a late return blocks, counted from ``base`` (the return by default); no maximum."""
    if back <= due or unit == "NONE":
        return None
    days, open_days = lateness(opening, due, back)
    if unit == "DAYS_PER_OVERDUE_DAY":
        value, unit = value * days, "WHOLE_DAYS"
    elif unit == "OPEN_DAYS_PER_OPEN_OVERDUE_DAY":
        value, unit = value * open_days, "OPEN_DAYS"
    return later(opening, back if base is None else base, value, unit) if value else None


class Coins:
    """A patron of a library with demerits: each point is a coin with the hour it was earned at."""

    def __init__(self, history: int, threshold: int, days: int, *, reaches: bool, opening: Opening) -> None:
        self.history, self.threshold, self.length = history, threshold, days * DAY
        self.reaches, self.zone = reaches, opening.zone
        self.coins: list[datetime] = []
        self.blocks: list[tuple[datetime, datetime]] = []

    def counted(self, now: datetime) -> list[datetime]:
        """The coins that count, oldest first."""
        today = now.astimezone(self.zone).date()
        return sorted(
            coin for coin in self.coins if (today - coin.astimezone(self.zone).date()).days <= self.history
        )

    def hour(self, now: datetime, earned: Iterable[int]) -> None:
        """What happens at one hour: returns first, then whether the patron is suspended, or once more."""
        for number in earned:
            self.coins += [now] * number
        if self.blocks and self.blocks[-1][1] > now:
            return
        counting = self.counted(now)
        enough = self.threshold if self.reaches else self.threshold + 1
        if len(counting) >= enough:
            for coin in counting[: self.threshold]:
                self.coins.remove(coin)
            self.blocks.append((now, now + self.length))
