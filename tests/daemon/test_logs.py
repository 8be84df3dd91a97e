"""What is told, in which form, and what never is (issue 7.1; reliability.md G6)."""

import io
import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from sip2d.config import LoggingSettings
from sip2d.daemon import logs
from sip2d.daemon.access_log import AccessLog, Record

CANARY = "hunter2"


@pytest.fixture(autouse=True)
def _put_back() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def said(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_with_stable_names_and_the_standard_library_too() -> None:
    stream = io.StringIO()
    logs.configure(LoggingSettings(), stream, {})
    logs.get("x").info("config.reloaded", epoch=3)
    logging.getLogger("alembic").warning("half %s", "done")
    first, second = said(stream)
    assert (first["event"], first["epoch"], first["level"]) == ("config.reloaded", 3, "info")
    assert (second["event"], second["logger"], second["level"]) == ("half done", "alembic", "warning")
    assert str(first["timestamp"]).endswith("Z")


def test_secrets_are_dropped_and_barcodes_masked() -> None:
    stream = io.StringIO()
    logs.configure(LoggingSettings(), stream, {})
    logs.get("x").warning(
        "auth.failed", pin=CANARY, PASSWORD=CANARY, AD=CANARY, patron="21000000000017",
        detail={"co": CANARY, "item": "31000000004821", "list": [{"ac": CANARY, "ok": 1}]},
    )  # fmt: skip
    assert CANARY not in stream.getvalue()
    (event,) = said(stream)
    assert event["patron"] == "…0017"
    assert event["detail"] == {"item": "…4821", "list": [{"ok": 1}]}


def test_masking_can_be_switched_off_but_not_for_secrets() -> None:
    stream = io.StringIO()
    logs.configure(LoggingSettings(mask=False), stream, {})
    logs.get("x").info("e", patron="21000000000017", pin=CANARY)
    assert said(stream)[0]["patron"] == "21000000000017"
    assert CANARY not in stream.getvalue()


def test_an_exception_is_told_with_its_trace() -> None:
    stream = io.StringIO()
    logs.configure(LoggingSettings(), stream, {})
    try:
        raise ValueError("broken")
    except ValueError:
        logging.getLogger("x").exception("it.failed")
    assert "ValueError: broken" in str(said(stream)[0]["exception"])


def test_the_level_changes_live() -> None:
    stream = io.StringIO()
    logs.configure(LoggingSettings(level="warning"), stream, {})
    log = logs.get("x")
    log.info("a")
    logs.set_level("debug")
    log.debug("b")
    assert [event["event"] for event in said(stream)] == ["b"]


def test_text_for_people() -> None:
    stream = io.StringIO()
    logs.configure(LoggingSettings(format="text"), stream, {})
    logs.get("x").info("config.reloaded", pin=CANARY, epoch=3)
    assert "config.reloaded" in stream.getvalue()
    assert "epoch=3" in stream.getvalue()
    assert CANARY not in stream.getvalue()


def test_journald_gets_its_priority(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+") as stream:
        stat = os.fstat(stream.fileno())
        logs.configure(LoggingSettings(), stream, {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"})
        logs.get("x").warning("e")
        logs.get("x").error("f")
        stream.seek(0)
        lines = stream.read().splitlines()
        assert [line[:4] for line in lines] == ["<4>{", "<3>{"]
        logs.configure(LoggingSettings(), stream, {"JOURNAL_STREAM": "8:1"})
        assert not logs.under_journald(stream, {"JOURNAL_STREAM": "8:1"})


@pytest.mark.parametrize(
    ("barcode", "shown"),
    [("21000000004821", "…4821"), ("123456", "…456"), ("12", "…2"), ("1", "…"), ("", "…")],
)
def test_a_mask_never_shows_more_than_half(barcode: str, shown: str) -> None:
    assert logs.mask(barcode) == shown


def access(folder: Path, **changed: object) -> tuple[AccessLog, Path]:
    file = folder / "access.log"
    return AccessLog.open(LoggingSettings.model_validate({"access": str(file), **changed}), {}), file


def test_an_access_record(tmp_path: Path) -> None:
    log, file = access(tmp_path)
    log.write([
        Record(1.5, 7, "T1", "MAIN", "11", "ok", 2.25, "", "21000000000017", "31000000004821"),
        Record(1.5, 7, "T1", "MAIN", "99", "ok", 0.1),
    ])  # fmt: skip
    assert file.read_bytes() == b""  # buffered
    log.flush()
    common = {"ts": 1.5, "conn": 7, "terminal": "T1", "branch": "MAIN", "result": "ok"}
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        common | {"message": "11", "ms": 2.25, "patron": "…0017", "item": "…4821"},
        common | {"message": "99", "ms": 0.1},
    ]  # fmt: skip
    log.close()


def test_64_kib_are_written_at_once_and_the_rest_at_the_end(tmp_path: Path) -> None:
    log, file = access(tmp_path, mask=False)
    for _ in range(1000):
        log.write([Record(1.5, 7, "T1", "MAIN", "11", "ok", 2.25, "", "21000000000017")])
    assert 64 * 1024 <= file.stat().st_size < 80 * 1024
    log.close()
    assert len(file.read_text().splitlines()) == 1000
    log.write([Record(1.5, 7, "T1", "MAIN", "99", "ok", 0.1)])  # closed: nothing happens


def test_a_rotated_file_is_opened_again(tmp_path: Path) -> None:
    log, file = access(tmp_path)
    log.write([Record(1.0, 1, "", "", "99", "ok", 0.1)])
    file.rename(tmp_path / "old")
    log.reopen()
    log.write([Record(2.0, 1, "", "", "99", "ok", 0.1)])
    log.close()
    assert [len(one.read_text().splitlines()) for one in (tmp_path / "old", file)] == [1, 1]


def test_a_full_pipe_loses_records_not_kiosks() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    log = AccessLog(descriptor=writer)
    started = time.monotonic()
    for _ in range(60):
        log.write([Record(1.5, 7, "T1", "MAIN", "11", "ok", 2.25, "rule", "x" * 20, "y" * 20)] * 1000)
    assert log.dropped > 0
    assert time.monotonic() - started < 10
    os.close(reader)
    os.close(writer)


def test_a_record_is_cheap() -> None:
    """0.3 us by msgspec, 4-11 us by structlog: the bound only tells the two ways apart."""
    log = AccessLog(descriptor=os.open(os.devnull, os.O_WRONLY), masked=False)
    best = 1.0
    for _ in range(5):
        started = time.process_time()
        for _ in range(100):
            log.write([Record(1.5, 7, "T1", "MAIN", "11", "ok", 2.25, "", "21000000000017")] * 100)
        best = min(best, (time.process_time() - started) / 10_000)
    log.close()
    assert best < 4e-6
