"""The flood for code that is not asynchronous: the command line."""

import asyncio
import sys

from sip2d.sim.flood import FloodPlan, FloodReport, flood


def run(plan: FloodPlan) -> FloodReport:
    """Carries a plan out on a loop of its own: uvloop, where it exists. Raises as ``flood`` does."""
    if sys.platform == "win32":
        return asyncio.run(flood(plan))
    import uvloop

    return uvloop.run(flood(plan))
