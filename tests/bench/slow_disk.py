"""An ordinary disk for a server that is measured: `slow_disk.c`, made with the system's C compiler."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

DELAY_US: Final = 2000
"""What an fsync costs on many a SATA disk."""
SOURCE: Final = Path(__file__).with_suffix(".c")


def environment(folder: Path) -> dict[str, str] | None:
    """What a process must be started with, so that each of its fsyncs takes ``DELAY_US`` longer; None, and a
    word on stderr, where no C compiler is installed."""
    compiler = shutil.which("cc")
    if compiler is None:
        print("there is no C compiler (cc) here: nothing is measured with a slow disk", file=sys.stderr)
        return None
    made = folder / "slow_disk.so"
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", made, SOURCE, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(made), "SLOW_DISK_US": str(DELAY_US)}
