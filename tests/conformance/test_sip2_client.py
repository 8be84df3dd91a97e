"""PyPI ``Sip2`` 1.1 through a whole visit (issue 8.2). It verifies AZ of every answer, and raises if it is
wrong."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.conformance import sip2_session
from tests.conformance.live import Live


def test_a_visit_with_somebody_elses_client(live: Live, tmp_path: Path) -> None:
    patron, item = live.patrons()[1], live.items()[10]
    steps = visit(live, patron, item, tmp_path)
    fixed = {name: step["fixed"] for name, step in steps.items()}
    told = {name: step["variable"] for name, step in steps.items()}

    assert fixed["login"]["Ok"] == "1"
    assert fixed["status"]["OnlineStatus"] == "Y"
    assert told["status"]["AO"] == ["VALMONT"]
    assert told["patron status"]["BL"] == ["Y"]
    assert told["patron status"]["CQ"] == ["Y"]
    assert told["information"]["AA"] == [patron]
    assert fixed["information"]["PatronStatus"] == " " * 14
    assert fixed["checkout"]["Ok"] == "1"
    assert told["checkout"]["AB"] == [item]
    assert told["charged"]["AU"] == [item]
    assert fixed["charged"]["ChargedItemsCount"] == "0001"
    assert fixed["renew"]["Ok"] == "1"
    assert fixed["renew"]["RenewalOk"] == "Y"
    assert fixed["item"]["CirculationStatus"] == "04"
    assert fixed["checkin"]["Ok"] == "1"
    assert told["checkin"]["AA"] == [patron]
    assert fixed["after"]["ChargedItemsCount"] == "0000"
    assert "AU" not in told["after"]
    assert fixed["end"]["EndSession"] == "Y"


def visit(live: Live, patron: str, item: str, folder: Path) -> dict[str, dict[str, Any]]:
    """The parsed answers by the name of the step."""
    kiosk = live.kiosk
    told = subprocess.run(
        [sys.executable, str(sip2_session.__file__), str(live.port), kiosk["user"], kiosk["password"],
         "VALMONT", patron, "1234", item],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    steps: dict[str, dict[str, Any]] = json.loads(told.stdout)
    return steps
