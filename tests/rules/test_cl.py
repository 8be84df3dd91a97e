"""Due dates over the wire: CL-3 with closed days and summer time, CL-4, CL-5, SP-2."""

from datetime import date

import msgspec
import pytest

from sip2d.store import tables
from tests.rules.terminal import Kiosk
from tests.support.library import add


def close(kiosk: Kiosk, *days: str) -> None:
    """CENTRAL is closed all day on these dates (CL-1)."""
    for day in days:
        kiosk.change(
            lambda core, world, day=day: add(
                core, tables.closure, institution_id=world.institutions["MAIN"], title="Closed",
                starts_on=day, ends_on=day, kind="SINGLE",
            )
        )  # type: ignore[misc]  # bound at once
