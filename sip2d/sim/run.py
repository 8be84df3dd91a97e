"""The flood for code that is not asynchronous: the command line."""

import uvloop

from sip2d.sim.flood import FloodPlan, FloodReport, flood


def run(plan: FloodPlan) -> FloodReport:
    """Carries a plan out on a loop of its own. Raises as ``flood`` does."""
    return uvloop.run(flood(plan))
