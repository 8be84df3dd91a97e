"""`patron import`, `item import`: a CSV file, checked line by line, loaded whole or not at all (6.3)."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from sip2d.cli import exits
from sip2d.cli.caller import Caller, tell

if TYPE_CHECKING:
    from sip2d.desk.staff.imports import Report, Sheet
    from sip2d.desk.staff.work import Work

File = Annotated[
    Path, typer.Argument(help="CSV file; its first line names the columns.", exists=True, dir_okay=False)
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only say what would happen.")]
Skip = Annotated[bool, typer.Option("--skip-errors", help="Load the good lines, report the others.")]
Encoding = Annotated[
    str | None, typer.Option("--encoding", help="utf-8, cp1252 or utf-16 [default: found out].")
]
Delimiter = Annotated[
    str | None, typer.Option("--delimiter", help="Comma, semicolon or tab [default: found out].")
]
WORKERS = 2
"""As many PINs are hashed at once (T17): 19 MiB and a core each."""


class _Undone(Exception):
    """Rolls the unit back and brings the report out."""

    def __init__(self, report: "Report") -> None:
        self.report = report


def load(
    caller: Caller,
    what: str,
    file: Path,
    *,
    institution: str | None,
    dry_run: bool,
    skip_errors: bool,
    encoding: str | None,
    delimiter: str | None,
) -> None:
    """Load a file of ``patron`` or ``item`` lines, and print the report. Exit codes 0, 1 (some failed), 65
    (nothing done).
    """
    from sip2d.desk.staff import imports

    sheet = imports.read(
        what,
        file.read_bytes(),
        encoding=encoding,
        delimiter={"tab": "\t", "\\t": "\t"}.get(delimiter or "", delimiter),
    )
    pins: Mapping[str, str] = {}
    if not dry_run:
        stored = caller.read(f"{what}.import", lambda work: imports.stored_hashes(work, sheet, institution))
        pins = _hashed(sheet, stored)

    def job(work: "Work") -> "Report":
        report = imports.load(work, sheet, institution_code=institution, pins=pins)
        if dry_run or (report.errors and not skip_errors):
            raise _Undone(report)
        return report

    try:
        report = caller.write(f"{what}.import", job)
        loaded = True
    except _Undone as undone:
        report, loaded = undone.report, False
    for error in report.errors:
        tell(f"{file.name}:{error.line}: {error.error}")
    counts = {name: value for name, value in msgspec.structs.asdict(report).items() if name != "errors"}
    errors = [msgspec.structs.asdict(error) for error in report.errors]
    caller.show({"file": file.name, "encoding": sheet.encoding, **counts, "loaded": loaded, "errors": errors})
    if report.errors:
        raise typer.Exit(exits.SOME_FAILED if loaded else exits.DATA)


def _hashed(sheet: "Sheet", stored: Mapping[str, str | None]) -> dict[str, str]:
    """The hash to store for each PIN of the file: the stored one where it fits."""
    from concurrent.futures import ThreadPoolExecutor

    from sip2d.daemon.pins import hash_secret, matches

    def one(barcode: str, pin: str) -> tuple[str, str]:
        before = stored.get(barcode)
        return barcode, before if before and matches(pin, before) else hash_secret(pin)

    work = [(line.cells["barcode"], line.cells["pin"]) for line in sheet.lines if line.cells.get("pin")]
    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(pool.map(one, *zip(*work, strict=True))) if work else {}
