"""The conformance cases of others, played over TCP against a live daemon (issue 8.2)."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.live import Live
from tests.support.places import ROOT

NOT_OURS = frozenset({"ils", "optional"})
"""Tags of cases that tell of one system's own policy."""

EXCEPTIONS = {
    "BAD-telnet-iac": "the player writes telnet negotiation as UTF-8 text (C3 BF C3 BB ...), which no"
    " terminal sends: to us an unknown code, ignored and counted. The real bytes FF FB are quirks A11.",
}
"""Every other case that does not hold, and why."""

TOOL = ROOT.parent / "shared" / "tools" / "conformance.py"


@pytest.fixture(scope="module")
def played(live: Live, spec: Path) -> dict[str, dict[str, Any]]:
    """The result of every case by its id."""
    patron, (item, item2, item3, *_) = live.patrons()[0], live.items()
    kiosk = live.kiosk
    environ = {
        **os.environ, "HOST": "127.0.0.1", "PORT": str(live.port), "USER": kiosk["user"],
        "PASSWORD": kiosk["password"], "LOCATION": kiosk["location"], "PATRON": patron, "PATRONPWD": "1234",
        "INSTITUTION": live.described["institution"], "ITEM": item, "ITEM2": item2, "ITEM3": item3,
        "CURRENCY": "EUR",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(TOOL), str(spec / "conformance.jsonl"), "--idle", "0.1"],
        env=environ, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert results, done.stderr
    return {one["id"]: one for one in results}


def test_every_case_was_played(played: dict[str, dict[str, Any]], spec: Path) -> None:
    cases = [json.loads(line) for line in (spec / "conformance.jsonl").read_text("utf-8").splitlines()]
    assert sorted(played) == sorted(case["id"] for case in cases)


def test_every_case_holds_but_policy_of_others(played: dict[str, dict[str, Any]]) -> None:
    failed = {
        name: (one["failed"], one["response"])
        for name, one in played.items()
        if one["result"] == "FAIL" and NOT_OURS.isdisjoint(one["tags"]) and name not in EXCEPTIONS
    }
    assert failed == {}


def test_no_exception_outlives_its_reason(played: dict[str, dict[str, Any]]) -> None:
    assert {name for name in EXCEPTIONS if played[name]["result"] == "PASS"} == set()


def test_skipped_are_only_those_about_logs(played: dict[str, dict[str, Any]]) -> None:
    assert {name for name, one in played.items() if one["result"] == "SKIP"} == {
        name for name in played if name.startswith("KOHA-redact")
    }


def _secrets(case: dict[str, Any]) -> set[str]:
    """Values of CO, AC and AD that are long enough to be found by a search."""
    values = re.findall(r"(?:^|[|0-9 ])(?:CO|AC|AD)([^|]*)", case["request"])
    return {value for value in values if len(value) >= 4}


def test_no_secret_reaches_a_log(live: Live, spec: Path) -> None:
    """The cases of kind ``unit-log``: the request is sent, then all logs are searched (PT-41)."""
    lines = (spec / "conformance.jsonl").read_text("utf-8").splitlines()
    cases = [case for case in map(json.loads, lines) if case.get("kind") == "unit-log"]
    assert len(cases) >= 5
    kiosk, marker = live.kiosk, "zebra-7741-secret"
    frames = [case["request"] for case in cases]
    frames += [f"9300CN{kiosk['user']}|CO{marker}|CPX|", f"9300CN{marker}|CO{marker}|"]
    frames.append(f"9300CN{kiosk['user']}|CO{kiosk['password']}|CP{kiosk['location']}|")
    secrets = {kiosk["password"], marker}.union(*(_secrets(case) for case in cases))
    # A login name a case shares with its password is no secret; four digits also stand in times.
    secrets -= {"term1", "1234"}
    frames += [
        f"63001{' ' * 28}AOVALMONT|AA{live.patrons()[0]}|AC{marker}|AD{marker}|",
        f"11YN{' ' * 36}AOVALMONT|AA{live.patrons()[0]}|AB{live.items()[5]}|AC{marker}|AD{marker}|",
    ]
    for attempts in (frames[:3], frames[3:]):  # more failed logins in a row close the line
        _said(live, attempts, marker)
    told = live.access_log.read_bytes() + live.error_log.read_bytes()
    assert told.count(b"auth.failed") >= 4  # the log is on, and what it should tell is in it
    assert {secret for secret in secrets if secret.encode() in told} == set()


def _said(live: Live, frames: list[str], marker: str) -> None:
    address = ("127.0.0.1", live.port)
    with socket.create_connection(address, timeout=10) as line, line.makefile("rb") as stream:
        for frame in frames:
            line.sendall(frame.encode() + b"\r")
            answer = b""
            while not answer.endswith(b"\r"):
                piece = stream.read(1)
                assert piece, "the server closed the connection"
                answer += piece
            assert answer[:2] in (b"94", b"12", b"64"), answer
            assert marker.encode() not in answer
