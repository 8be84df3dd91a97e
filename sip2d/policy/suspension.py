"""Suspensions for demerits: how many points a late return earns, when they suspend the patron and for how
long, and which of them that uses up (circulation.md 9.3); and the definitions of stored blocks.

Points never become inactive; those older than the window are only left out of the sum (BL-23). A suspension
uses exactly as many as the threshold says, the oldest first (BL-33, D-23).
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from sip2d.policy.settings import Settings, ThresholdMode

OVERDUE_RETURN: Final = "OVERDUE_RETURN"
SHORT_LOAN: Final = "SHORT_LOAN"
OVERDUE_NOTICE: Final = "OVERDUE_NOTICE"
DEMERIT: Final = "DEMERIT"
"""Origins of the blocks that the rules make: for a late return or renewal, for a short loan that is still
out, with an overdue notice, for demerits."""


class BlockDefinition(msgspec.Struct, frozen=True):
    """What a stored block does (BL-4..BL-8). ``actions`` are those of its action code, joined by commas;
    ``text`` is its description's."""

    institution_id: int
    code: str
    description_code: str
    text: str
    actions: str
    type: str
    override: str
    network_block: bool


class DemeritRule(msgspec.Struct, frozen=True):
    """A row of the demerit table (BL-30); None stands for ALL."""

    patron_type_id: int | None
    item_type_id: int | None
    points_overdue: int
    points_recall: int


class Demerits(msgspec.Struct, frozen=True):
    """The system of an institution (BL-22). ``threshold`` points are allowed within ``history_days`` local
    days, in ``zone``; a suspension lasts ``suspension_days`` of 24 hours."""

    history_days: int
    threshold: int
    suspension_days: int
    mode: ThresholdMode
    zone: ZoneInfo

    def passed(self, total: int) -> bool:
        """Whether so many points suspend (BL-24, D-22)."""
        return total >= self.threshold if self.mode is ThresholdMode.REACHES else total > self.threshold


class Point(msgspec.Struct, frozen=True):
    """What one return earned and what is left of it; below 0 where a return was taken back after its points
    had been used (BL-42)."""

    id: int
    created_at: datetime
    remaining: int


Uses = tuple[tuple[int, int], ...]
"""Which point gave how much, oldest first."""


class Suspension(msgspec.Struct, frozen=True):
    """A block for demerits, and what it used up."""

    starts_at: datetime
    expires_at: datetime
    uses: Uses


class Evaluation(msgspec.Struct, frozen=True):
    """What follows a suspension that has run out: others, and when the last one
    ended (None: it stands)."""

    suspensions: tuple[Suspension, ...]
    ended_at: datetime | None


def demerits(settings: Settings, zone: ZoneInfo) -> Demerits | None:
    """The system as configured; None while it is off, or enabled without all of its numbers (BL-22)."""
    days, limit, length = (
        settings.demerit_history_days, settings.demerit_maximum_threshold, settings.demerit_suspension_days,
    )  # fmt: skip
    if not settings.demerit_enable or not days or not limit or not length:
        return None
    return Demerits(days, limit, length, settings.demerit_threshold_mode, zone)


def points(rules: Iterable[DemeritRule], patron_type_id: int, item_type_id: int, *, recalled: bool) -> int:
    """What the late return of this kind of item by this kind of patron earns: (group, type), (group, ALL),
    (ALL, type), (ALL, ALL), else nothing (BL-31)."""
    table = {(rule.patron_type_id, rule.item_type_id): rule for rule in rules}
    for place in (
        (patron_type_id, item_type_id), (patron_type_id, None), (None, item_type_id), (None, None)
    ):  # fmt: skip
        rule = table.get(place)
        if rule is not None:
            return rule.points_recall if recalled else rule.points_overdue
    return 0


def total(of: Iterable[Point], at: datetime, rules: Demerits) -> int:
    """The sum that counts at a moment (BL-23)."""
    return sum(point.remaining for point in of if _counts(point, at, rules))


def used(of: Iterable[Point], at: datetime, rules: Demerits) -> Uses:
    """What a suspension that begins now uses up, exactly the threshold; nothing where it is not passed
    (BL-33)."""
    counting = sorted(
        (point for point in of if _counts(point, at, rules)), key=lambda point: (point.created_at, point.id)
    )
    if not rules.passed(sum(point.remaining for point in counting)):
        return ()
    uses, wanted = [], rules.threshold
    for point in counting:
        share = min(wanted, point.remaining)
        if share > 0:
            uses.append((point.id, share))
            wanted -= share
    return tuple(uses)


def left(of: Iterable[Point], uses: Uses) -> tuple[Point, ...]:
    """The points after that."""
    spent = dict(uses)
    return tuple(
        msgspec.structs.replace(point, remaining=point.remaining - spent.get(point.id, 0)) for point in of
    )


def award(of: Iterable[Point], since: datetime, rules: Demerits) -> Suspension | None:
    """The suspension that points earned since then bring about for a patron who has none (BL-33).

    Each moment that points were earned at is asked, in order: a return told late (SP-22) decides as if it had
    been told in time.
    """
    known = tuple(of)
    for moment in sorted({point.created_at for point in known if point.created_at >= since}):
        uses = used(known, moment, rules)
        if uses:
            return _suspension(moment, uses, rules)
    return None


def evaluate(of: Iterable[Point], expires_at: datetime, as_of: datetime, rules: Demerits) -> Evaluation:
    """What becomes of a suspension that runs out at ``expires_at`` (BL-40).

    At its end the points of that moment are summed, those earned later not: a late job decides as a punctual
    one would. Where they suffice the next one begins right there, which may have run out as well.
    """
    known = tuple(of)
    found: list[Suspension] = []
    while expires_at <= as_of:
        uses = used(known, expires_at, rules)
        if not uses:
            return Evaluation(tuple(found), expires_at)
        found.append(_suspension(expires_at, uses, rules))
        known = left(known, uses)
        expires_at = found[-1].expires_at
    return Evaluation(tuple(found), None)


def _suspension(starts_at: datetime, uses: Uses, rules: Demerits) -> Suspension:
    # Of 24 hours each, so summed as UTC: an aware local time would keep its clock.
    begins = starts_at.astimezone(UTC)
    return Suspension(begins, begins + timedelta(days=rules.suspension_days), uses)


def _counts(point: Point, at: datetime, rules: Demerits) -> bool:
    """Earned by then, and no more than so many local dates ago (BL-23)."""
    age = at.astimezone(rules.zone).date() - point.created_at.astimezone(rules.zone).date()
    return point.created_at <= at and age.days <= rules.history_days
