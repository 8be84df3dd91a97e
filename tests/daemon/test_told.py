"""What is told of exchanges: kept back for a moment and told in one go, and nothing of it is lost (issue
7.1)."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sip2d.daemon.front import UNTOLD_MOST
from tests.daemon.assembled import ITEM, LOOPBACK, STATUS, Assembled, assembled, terminal
from tests.support.databases import Databases
from tests.support.kiosk import Kiosk

PLACE = "127.0.1.9"
NO_TEXT = b"1720260309    101500AOMAIN|AB12345678901234\xff\xfe|AC|\r"
"""An item whose barcode ends in bytes that are no UTF-8."""


def told(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def scraped(daemon: Assembled) -> dict[tuple[str, str], float]:
    """Requests by message and result, as the page says."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{daemon.admin_port}/metrics", timeout=10) as page:
        text = page.read().decode()
    return {
        (sample.labels["message"], sample.labels["result"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "sip2d_requests_total"
    }


async def test_a_scrape_and_the_log_miss_nothing(tmp_path: Path, sqlite_databases: Databases) -> None:
    """Fewer than are told at once, more than that, and one whose barcode is no text: a scrape that follows
    at once has them all, the log when the daemon has stopped."""
    file = tmp_path / "access.log"
    rows = [terminal("kiosk", f"{PLACE}/32")]
    many = UNTOLD_MOST + 3

    async with assembled(
        tmp_path, sqlite_databases, [{"name": "plain"}], rows, logging={"access": str(file), "mask": False}
    ) as daemon:

        def dialogue() -> dict[tuple[str, str], float]:
            with Kiosk(daemon.address("plain"), PLACE) as kiosk:
                for _ in range(many):
                    assert kiosk.ask(STATUS)["BX"]
                assert kiosk.ask(ITEM).code == "18"
                kiosk.send_raw(NO_TEXT)
                assert b"AB12345678901234\xff\xfe|" in kiosk.frame()
                assert kiosk.ask(STATUS)["BX"]
                counted = scraped(daemon)
                assert kiosk.ask(STATUS)["BX"]
                return counted

        assert await asyncio.to_thread(dialogue) == {
            ("99", "ok"): many + 1,
            ("17", "ok"): 1,
            ("17", "refused"): 1,
        }
    records = told(file)
    assert [record["message"] for record in records] == ["99"] * many + ["17", "17", "99", "99"]
    assert [record.get("item") for record in records[-4:-2]] == ["I1", "12345678901234\\udcff\\udcfe"]
