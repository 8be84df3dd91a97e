"""`make check`'s look at systemd/sip2d.service: `systemd-analyze verify` and `security` on a rendered copy.

The copy differs in one thing: the daemon's path is that of a program which exists here, since verify looks it
up. The exposure may be 1.5 at most (systemd counts in tenths: 15). Run as `python -m tests.house.unit_check`.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.support.places import ROOT

UNIT = ROOT / "systemd" / "sip2d.service"
INSTALLED = "/usr/bin/sip2d"
MOST_EXPOSURE = 15


def render(unit: str, program: str) -> str:
    """The unit's text with `program` in the place of the installed daemon."""
    if f"={INSTALLED} " not in unit:
        raise ValueError(f"the unit starts no {INSTALLED}")
    return unit.replace(f"={INSTALLED} ", f"={program} ")


def complaints(unit: str) -> list[str]:
    """What systemd says against the text of a unit; empty when it is clean. Needs systemd-analyze."""
    with tempfile.TemporaryDirectory(prefix="sip2d-unit-") as folder:
        copy = Path(folder) / UNIT.name
        copy.write_text(render(unit, shutil.which("true") or "/bin/true"))
        return [
            *_said("verify", "--man=no", str(copy)),
            *_said("security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(copy)),
        ]


def _said(verb: str, *arguments: str) -> list[str]:
    command = ["systemd-analyze", "--no-pager", verb, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if verb == "verify":  # it warns with exit code 0
        return (done.stdout + done.stderr).splitlines()
    return (done.stdout + done.stderr).splitlines() if done.returncode else []


def main() -> int:
    if shutil.which("systemd-analyze") is None:
        print("unit file: systemd-analyze is missing (Debian: apt-get install systemd)", file=sys.stderr)
        return 1
    said = complaints(UNIT.read_text())
    print("\n".join(said) if said else f"unit file: clean, exposure at most {MOST_EXPOSURE / 10}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
