"""A busy day without the network, loaded afterwards: 20,000 loans and returns in one file (issue 4, 3.3)."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from sip2d.desk.staff import offline
from sip2d.desk.staff.work import Work
from sip2d.offline import load
from sip2d.offline.upload import Request, upload
from sip2d.store.executor import Store
from sip2d.store.unit import Unit
from tests.bench import dataset
from tests.bench.figures import Row, row
from tests.bench.generator import WrongAnswerError
from tests.bench.variants import CLERK

LINES: Final = 20_000
RETURNS: Final = 3
"""Every so manyth line is a return; the others are loans from the shelf."""
OPEN: Final = timedelta(hours=10)


def applied(url: str) -> list[Row]:
    """How fast the lines of the day are taken in, and done."""
    now = datetime.now(UTC).replace(microsecond=0)
    zone = ZoneInfo(dataset.HOUSE.zone)
    data = offcirc((now - timedelta(hours=20)).astimezone(zone))
    with Store.open(url) as store:
        began = time.perf_counter()
        with store.unit("bench.upload") as unit:
            taken = upload(Work(unit, CLERK, now), Request("OffCirc.dat", data, dataset.KIOSK.branch))
        uploaded = time.perf_counter()

        def planned(unit: Unit) -> load.Plan:
            work = Work(unit, CLERK, now)
            return load.plan(work, offline.session(work, taken["session"], dataset.HOUSE.code))

        load.apply(store, CLERK, store.call(True, "bench.plan", planned), lambda: now)
        done = time.perf_counter()
        told = store.call(
            False, "bench.report",
            lambda unit: offline.report(Work(unit, CLERK, now), taken["session"], dataset.HOUSE.code),
        )  # fmt: skip
    (file,) = told["files"]
    if file["ok"] != LINES:
        raise WrongAnswerError(f"of {LINES} lines only {file['ok']} are OK: {told['lines'][:3]}")
    return [
        row(f"offline day of {LINES:,} lines, uploaded and checked", LINES / (uploaded - began), "lines/s"),
        row(f"offline day of {LINES:,} lines, applied", LINES / (done - uploaded), "lines/s"),
    ]


def offcirc(opened: datetime) -> bytes:
    """The day's file: loans of items from the shelf, returns of items on loan, in the order of the clock."""
    lines = []
    for number in range(LINES):
        at = f"{opened + OPEN * number / LINES:%Y%m%d%H%M}"
        if number % RETURNS == 0:
            lines.append(f"{at}R{dataset.item_barcode(number + 1)}")
        else:
            item = dataset.LOANS + 1 + number
            lines.append(f"{at}L{dataset.item_barcode(item):<80}"
                         f"{dataset.patron_barcode(dataset.borrower(item))}")  # fmt: skip
    return "\n".join([*lines, ""]).encode("ascii")
