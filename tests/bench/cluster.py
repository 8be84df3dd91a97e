"""A PostgreSQL server whose data directory is kept between runs and copied for each."""

import shutil
import subprocess
from pathlib import Path
from typing import Final, Self

from tests.bench import dataset
from tests.support.postgres import PostgresCluster, wheel_bin

DATABASE: Final = "bench"


class BenchCluster(PostgresCluster):
    """See the module. ``database_url`` is a filled database that may be written to; it ends with the
    ``with``."""

    def __init__(self, folder: Path) -> None:
        super().__init__(wheel_bin())
        self._kept = folder / f"postgresql-{dataset.VERSION}"

    def __enter__(self) -> Self:
        if not (self._kept.exists() and dataset.fresh(self._kept)):
            super().__enter__()
            self._make()
            return self
        try:
            _copy(self._kept / "data", self._data)
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of the filled database."""
        return self.url(DATABASE)

    def _make(self) -> None:
        try:
            self.execute("CREATE DATABASE {}", DATABASE)
            dataset.fill_postgresql(self.database_url, self._conninfo(DATABASE))
            self.stop()
            shutil.rmtree(self._kept, ignore_errors=True)
            draft = self._kept.with_suffix(".making")
            shutil.rmtree(draft, ignore_errors=True)
            draft.mkdir(parents=True)
            _copy(self._data, draft / "data")
            draft.rename(self._kept)
            self.start()
        except BaseException:
            self.close()
            raise


def _copy(source: Path, target: Path) -> None:
    """With owners and modes: the server refuses a directory that is not its own."""
    subprocess.run(["cp", "-a", str(source), str(target)], check=True)
