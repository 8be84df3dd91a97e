"""What is made of raw measurements: medians of per-round ratios, percentiles, rows and their table."""

import math
import statistics
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

AT_LEAST: Final = ">="
AT_MOST: Final = "<="


class Row(msgspec.Struct, frozen=True):
    """One line of the report. ``goal`` is empty for a figure that is only told."""

    name: str
    value: float
    unit: str
    goal: str = ""
    ok: bool = True


def row(name: str, value: float, unit: str, compare: str = "", bound: float = 0.0) -> Row:
    """A row, and whether its goal is reached. What could not be measured (NaN) reaches none."""
    shown = float(f"{value:.4g}")
    if not compare:
        return Row(name, shown, unit)
    reached = {AT_LEAST: value >= bound, AT_MOST: value <= bound}[compare]
    return Row(name, shown, unit, f"{compare} {bound:g}", reached)


def ratio(over: Sequence[float], under: Sequence[float]) -> float:
    """The median of the ratios round by round: a busy second of the machine meets both sides.

    Raises ValueError unless both have the same number of rounds, at least one.
    """
    if not over:
        raise ValueError("no round was measured")
    return statistics.median(a / b for a, b in zip(over, under, strict=True))


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest value that ``share`` of all (0 < share <= 1) do not exceed; NaN of nothing."""
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def table(rows: Sequence[Row]) -> str:
    """For a person: one line a row, what missed its goal marked."""
    wide = max((len(one.name) for one in rows), default=4)
    head = f"{'name':<{wide}}  {'value':>10} {'unit':<10} {'goal':<9} ok"
    lines = [
        f"{one.name:<{wide}}  {one.value:>10g} {one.unit:<10} {one.goal:<9} "
        f"{('yes' if one.ok else 'NO') if one.goal else ''}".rstrip()
        for one in rows
    ]
    return "\n".join([head, "-" * len(head), *lines])


def to_json(rows: Sequence[Row]) -> bytes:
    """``[{"name", "value", "unit", "goal", "ok"}, ...]``."""
    return msgspec.json.format(msgspec.json.encode(rows), indent=2) + b"\n"
