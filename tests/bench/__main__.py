"""``python -m tests.bench [--quick] [--only NAME]``: prints the table, writes ``.bench/results.json``.

The exit code is 0 when every goal is reached. Processes are ended by their id; all is loopback.
"""

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sip2d.demo import certificates
from tests.bench import batch, dataset, figures, measures, night, offline_day, slow_disk, variants
from tests.bench.cluster import BenchCluster
from tests.bench.figures import Row
from tests.bench.measures import QUICK, Effort
from tests.bench.processes import GENERATOR_CORE, Server, pin_to
from tests.support.places import ROOT

FOLDER: Final = ROOT / ".bench"


class Bench:
    """What the measurements share: the folder, the kept library, the effort."""

    def __init__(self, folder: Path, effort: Effort) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.effort = effort
        self.library = dataset.sqlite_file(folder)
        self.pem = certificates.files(folder)
        if not self.pem.key.exists() or not dataset.fresh(self.pem.key):
            certificates.make(folder, datetime.now(UTC))

    def server(self, kind: str, **settings: Any) -> Server:
        """One of ``servers``; enter it to start."""
        return Server(kind, self.folder / "servers.log", **settings)

    def daemon(self, url: str, **settings: Any) -> Server:
        """sip2d on this database."""
        pem = self.pem
        return self.server(
            "sip2d", url=url, folder=str(self.folder), cert=str(pem.cert), key=str(pem.key), **settings
        )

    @contextlib.contextmanager
    def on_sqlite(self, name: str, **settings: Any) -> Iterator[Server]:
        """sip2d on a copy of its own of the library, removed afterwards."""
        url = dataset.sqlite_copy(self.library, self.folder, name)
        try:
            with self.daemon(url, **settings) as running:
                yield running
        finally:
            for file in self.folder.glob(f"{name}.db*"):
                file.unlink()

    @contextlib.contextmanager
    def under(self, policy: str, missed: int = 0) -> Iterator[Path]:
        """A library of its own under a policy set of ``variants``, removed afterwards."""
        try:
            yield variants.made(policy, self.library, self.folder, missed)
        finally:
            for file in self.folder.glob(f"{policy}.db*"):
                file.unlink()

    # -- by name -----------------------------------------------------------------------------------------

    def reads(self) -> list[Row]:
        """SC status, patron information, PINs."""
        with self.on_sqlite("reads") as ours, self.server("pysip2") as other:
            with self.server("echo", size=measures.status_size(ours)) as echo:
                rows = measures.reads(self.effort, ours, other, echo, self.library)
            return rows + measures.pins(self.effort, ours)

    def renew(self) -> list[Row]:
        """Durable renewals on SQLite, and who waits for them."""
        with self.on_sqlite("group") as ours:
            with self.on_sqlite("each", group=False) as single:
                rows = measures.renewals(self.effort, ours, single)
            return rows + measures.mixed(self.effort, ours)

    def policy(self) -> list[Row]:
        """What the full policy set costs an exchange."""
        with (
            self.under(variants.FULL) as full,
            self.under(variants.EMPTY) as empty,
            self.daemon(f"sqlite:///{full}") as ours,
            self.daemon(f"sqlite:///{empty}") as bare,
        ):
            return measures.policies(self.effort, ours, bare)

    def night(self) -> list[Row]:
        """The nightly accrual beside the kiosks."""
        with self.under(variants.FULL, night.MISSED) as full:
            began = time.perf_counter()
            with self.daemon(f"sqlite:///{full}") as ours:
                return night.accrual(ours, full, began)

    def batch(self) -> list[Row]:
        """Bulk renewals: a window of frames on two disks, and the largest sheet."""
        slowly = slow_disk.environment(self.folder)
        with contextlib.ExitStack() as stack:
            ours = stack.enter_context(self.on_sqlite("batch"))
            slow = stack.enter_context(self.on_sqlite("batch-slow", environment=slowly)) if slowly else None
            rows = batch.windows(self.effort, ours, slow, self.folder, self.pem.ca)
        return rows + batch.validated(self.folder)

    def offline(self) -> list[Row]:
        """A day without the network, loaded."""
        url = dataset.sqlite_copy(self.library, self.folder, "offline")
        try:
            return offline_day.applied(url)
        finally:
            for file in self.folder.glob("offline.db*"):
                file.unlink()

    def postgresql(self) -> list[Row]:
        """Patron information and renewals on PostgreSQL."""
        with BenchCluster(self.folder) as cluster, self.daemon(cluster.database_url) as ours:
            return measures.postgresql(self.effort, ours)

    def kiosks(self) -> list[Row]:
        """Split writes, and memory of idle connections."""
        with self.on_sqlite("kiosks") as ours:
            return measures.split_frames(self.effort, ours) + measures.memory(ours, self.pem.ca)


NAMES: Final[dict[str, Callable[[Bench], list[Row]]]] = {
    "reads": Bench.reads,
    "renew": Bench.renew,
    "kiosks": Bench.kiosks,
    "policy": Bench.policy,
    "night": Bench.night,
    "batch": Bench.batch,
    "offline": Bench.offline,
    "postgresql": Bench.postgresql,
}


def main(arguments: list[str]) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter rounds")
    parser.add_argument("--only", choices=NAMES, help="one group; results.json then holds only that")
    asked = parser.parse_args(arguments)
    began = time.monotonic()
    pin_to(GENERATOR_CORE)
    bench = Bench(FOLDER, QUICK if asked.quick else Effort())
    rows: list[Row] = []
    for name, measure in NAMES.items():
        if asked.only in (None, name):
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows += measure(bench)
    (FOLDER / "results.json").write_bytes(figures.to_json(rows))
    print(figures.table(rows))
    print(f"{time.monotonic() - began:.0f} s")
    return 0 if all(one.ok for one in rows) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
