"""What happened in a simulated town, as a page for a person."""

from collections import Counter
from collections.abc import Mapping
from typing import Final

from sip2d.demo.simulate import Year
from sip2d.store import totals
from sip2d.store.executor import Store

WIDTH: Final = 28


def story(store: Store, year: Year) -> str:
    """Visits by what came of them, what the jobs did, and what stands in the tables at the end."""
    found = store.call(False, "simulate.story", lambda unit: totals.totals(unit.core))
    out = [f"{year.days} days, {year.visits.total()} visits", "", "At the counters"]
    out += _lines(dict(year.visits.most_common()))
    out += ["", "In the night"]
    for job, counts in year.jobs.items():
        told = ", ".join(f"{name} {by}" for name, by in counts.most_common() if by)
        out.append(f"  {job:<{WIDTH}} {told or 'nothing to do'}")
    for title, counted in found.items():
        out += ["", title, *_lines(counted)]
    return "\n".join(out)


def _lines(counted: Mapping[str, int] | Counter[str]) -> list[str]:
    return [f"  {name:<{WIDTH}} {by:>10,}" for name, by in counted.items()]
