"""Places on the disk that tests read."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""

SPEC = ROOT.parent / "shared" / "spec"
"""The corpora of the standard: read where they lie, never copied into the project. May not exist."""

SPEC_ABSENT = "the corpora are not on this machine"
"""The only reason for a skip that an honest run accepts: the project's own vectors cover the same ground."""
