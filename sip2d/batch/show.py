"""What a batch looks like on a screen: sentences and lines, without a screen (BR-37..BR-39)."""

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sip2d.batch.outcome import RENEWED, Attempt
from sip2d.batch.preflight import Server
from sip2d.batch.runner import Progress
from sip2d.batch.sheet import MOST_ERRORS, Report, Row
from sip2d.wire.messages import AcsStatus

ADVICE = "More than a quarter was not renewed. Cancel (Ctrl-C), check the file, and try again?"


def local(at: int, zone: ZoneInfo) -> str:
    """An instant with its zone."""
    moment = datetime.fromtimestamp(at, UTC).astimezone(zone)
    return f"{moment:%Y-%m-%d %H:%M:%S} {zone.key} ({moment:%z})"


def faults(report: Report) -> Iterator[str]:
    """Why a sheet is refused: line by line (BR-37)."""
    yield f"The file cannot be used: {report.error_count} errors. Nothing was sent."
    for problem in report.errors:
        yield f"  line {problem.line}: {problem.text}" if problem.line else f"  {problem.text}"
    if report.error_count > MOST_ERRORS:
        yield f"  and {report.error_count - MOST_ERRORS} more."


def preview(report: Report, zone: ZoneInfo) -> Iterator[str]:
    """That a sheet is valid, what it warns of, and its first row (BR-37)."""
    for problem in report.warnings:
        yield f"  line {problem.line}: {problem.text}"
    if report.warning_count > len(report.warnings):
        yield f"  and {report.warning_count - len(report.warnings)} more warnings."
    yield f"The file is valid: {report.rows} rows ({report.encoding})."
    if report.left_out:
        yield f"{report.left_out} rows are left out (--exclude-file)."
    if report.first is not None:
        row: Row = report.first
        yield (
            f"First row (line {row.line}): patron {row.patron}, item {row.item}, due {local(row.due, zone)}"
        )


def confirmation(
    server: Server, status: AcsStatus, file: str, rows: int, dues: tuple[int, int], zone: ZoneInfo
) -> Iterator[str]:
    """What is about to happen (BR-38)."""
    library = f"{status.institution_id} {status.library_name or ''}".strip()
    yield f"Server:      {server.endpoint}"
    yield f"Institution: {library or '(not said)'}"
    yield f"Branch:      {status.terminal_location or '(not said)'}"
    yield f"File:        {file}, {rows} rows"
    yield f"Due dates:   {local(dues[0], zone)}"
    if dues[1] != dues[0]:
        yield f"             to {local(dues[1], zone)}"
    yield "Loan policies are bypassed; recalled items and loans of others are skipped."


def counts(progress: Progress) -> str:
    """One line of progress."""
    return (
        f"{progress.percent:3d} %  {progress.attempted} of {progress.total}: {progress.renewed} renewed, "
        f"{progress.skipped} skipped, {progress.failed} failed"
    )


def recent(attempt: Attempt) -> str:
    """One line of the last ten."""
    told = attempt.outcome if attempt.outcome == RENEWED else f"{attempt.outcome} {attempt.code}"
    return f"  {attempt.row.item}  {attempt.row.patron}  {told}"
