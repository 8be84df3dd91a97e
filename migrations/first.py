"""Write `versions/0001_tables.py` anew from `sip2d/store/tables.py`. Only until the first release; then
revisions are added.
"""

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from unittest.mock import patch

from sip2d.store import migrate

LONG = "# ruff: noqa: E501 - Alembic wrote it: conditions and names in one piece"
HERE = Path(__file__).resolve().parent


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("env.py", "script.py.mako"):
            shutil.copy(HERE / file, folder)
        (folder / "versions").mkdir()
        with (
            patch.object(migrate, "scripts", lambda: folder),
            patch.dict(migrate.OPTIONS, render_as_batch=False),
            warnings.catch_warnings(),
        ):
            # SQLite cannot reflect the one index on expressions: it stands in 0002, by hand.
            warnings.filterwarnings(
                "ignore", "autogenerate skipping metadata-specified expression-based index"
            )
            migrate.draft(f"sqlite:///{folder}/empty.db", "Every table of the first release", "0001")
        (made,) = (folder / "versions").glob("0001_*.py")
        target = HERE / "versions" / "0001_tables.py"
        target.write_text(f"{LONG}\n{made.read_text()}")
    for arguments in (["check", "--fix", "-q"], ["format", "-q"]):
        subprocess.run([str(Path(sys.executable).parent / "ruff"), *arguments, str(target)], check=True)


if __name__ == "__main__":
    main()
