"""`sip2d offline`: load what desks wrote down while the network was away."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sip2d.cli import exits
from sip2d.cli.caller import Caller, tell
from sip2d.cli.capture import capture
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution, Limit, ThisBranch
from sip2d.cli.show import Format

if TYPE_CHECKING:
    from sip2d.desk.staff.authorise import Staff
    from sip2d.desk.staff.work import Work
    from sip2d.offline.load import Plan

app = group("Offline circulation: loans and returns recorded without the network.")

app.command("capture")(capture)

Files = Annotated[
    list[Path], typer.Argument(help="OffCirc.dat, .koc, Evergreen or sip2d-offline-v1.", show_default=False)
]
Session = Annotated[str, typer.Argument(help="The session's label, or the number of one of its batches.")]
Code = Annotated[str | None, typer.Option("--code", help="Only those of this code, like NOT_ON_LOAN.")]
Delta = Annotated[
    int, typer.Option("--clock-delta", help="Seconds to add to the times: the desk's clock was wrong.")
]


@command(app, "upload")
def upload(
    caller: Caller,
    files: Files,
    branch: ThisBranch,
    session: Annotated[str | None, typer.Option("--session", help="Label [default: a new session].")] = None,
    clock_delta: Delta = 0,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse a file with a malformed line.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Take a known file, line by line.")] = False,
    file_format: Annotated[
        str | None, typer.Option("--file-format", help="offcirc, koc, evergreen [default: by its content].")
    ] = None,
    workstation: Annotated[
        str, typer.Option("--workstation", help="The computer the file is from: it has one file a session.")
    ] = "",
    payments: Annotated[
        bool, typer.Option("--allow-payments", help="Book the payments of a .koc file, too.")
    ] = False,
) -> None:
    """Upload files and check every line; nothing is executed yet. Exit code 1: a file was rejected."""
    from sip2d.offline.formats import PARSERS
    from sip2d.offline.upload import Request
    from sip2d.offline.upload import upload as take

    if file_format is not None and file_format not in PARSERS:
        raise typer.BadParameter(f"{file_format!r} is none of {', '.join(PARSERS)}")
    contents = [(path.name, path.read_bytes()) for path in files]

    def work(work: "Work") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        label = session
        for name, data in contents:
            asked = Request(
                name, data, branch, label, clock_delta, strict, force, file_format, workstation, payments
            )
            found.append(take(work, asked))
            label = label or (found[-1]["session"] if found[-1]["status"] != "REJECTED" else None)
        return found

    from sip2d.desk.staff.offline import REMINDER

    batches = caller.write("offline.upload", work)
    for batch in batches:
        for note in batch["notes"]:
            tell(f"{batch['file']}: {note}")
    caller.show(batches)
    if any(batch["code"] == "DUPLICATE_FILE" for batch in batches):
        tell(REMINDER)
    if any(batch["status"] == "REJECTED" for batch in batches):
        raise typer.Exit(exits.SOME_FAILED)


@command(app, "sessions")
def sessions(caller: Caller, institution: Institution = None, limit: Limit = 20) -> None:
    """List the sessions with their files, newest first."""
    from sip2d.desk.staff import offline

    found = caller.read("offline.sessions", lambda work: offline.sessions(work, institution, limit))
    caller.show(found if caller.form is Format.JSON else [_in_a_row(one) for one in found])


@command(app, "review")
def review(caller: Caller, session: Session, institution: Institution = None, limit: Limit = 1000) -> None:
    """Show what applying a session would do, line by line in its order, and the rule behind it."""
    from sip2d.offline import load, words

    staff, planned = _planned(caller, session, institution)
    with caller.store() as store:
        found = load.review(store, staff, planned, caller.now, limit)
    if len(found) < len(planned.order):
        tell(f"These are {len(found)} of {len(planned.order)} lines: --limit shows more.")
    caller.show(
        [
            {
                "batch": one.place.batch_id,
                "line": one.place.number,
                "at": one.line.happened_at.astimezone(planned.zones[one.place.batch_id]).isoformat(),
                "kind": one.line.kind,
                "item": one.line.item,
                "patron": one.line.patron,
                "would_be": one.result.status,
                "proposal": one.result.act,
                "code": one.result.code,
                "rule": words.rule(one.result.code) if one.result.code else None,
                "message": " ".join(words.sentence(code) for code in one.result.codes),
            }
            for one in found
        ]
    )
    if planned.unreadable:
        tell(f"Lines that cannot be read: {planned.unreadable}; `sip2d offline report` lists them.")


@command(app, "apply")
def apply(caller: Caller, session: Session, institution: Institution = None) -> None:
    """Execute a session, or the rest of one that was interrupted. Exit code 1: some lines are errors."""
    from sip2d.desk.staff import offline
    from sip2d.offline import load

    staff, planned = _planned(caller, session, institution)

    def progress(done: int, whole: int) -> None:
        if done % 500 == 0:
            tell(f"{done} of {whole} lines ({100 * done // whole}%)")

    with caller.store() as store:
        load.apply(store, staff, planned, lambda: datetime.now(UTC).replace(microsecond=0), progress)
    found = caller.read("offline.report", lambda work: offline.report(work, session, institution))
    caller.show({key: value for key, value in found.items() if key != "lines"})
    tell(offline.REMINDER)
    if any(batch["error"] or batch["warning"] for batch in found["files"]):
        tell("What a person must look at is listed by `sip2d offline exceptions`.")
    if any(batch["error"] for batch in found["files"]):
        raise typer.Exit(exits.SOME_FAILED)


@command(app, "report")
def report(caller: Caller, session: Session, institution: Institution = None) -> None:
    """Show what became of a session: counts, and every warning, error and duplicate (OF-11)."""
    from sip2d.desk.staff import offline

    caller.show(caller.read("offline.report", lambda work: offline.report(work, session, institution)))


@command(app, "export")
def export(caller: Caller, session: Session, institution: Institution = None) -> None:
    """Print every line of a session with what became of it."""
    from sip2d.desk.staff import offline

    caller.show(caller.read("offline.export", lambda work: offline.export(work, session, institution)))


@command(app, "exceptions")
def exceptions(
    caller: Caller,
    institution: Institution = None,
    resolved: Annotated[bool, typer.Option("--resolved", help="Those that were resolved too.")] = False,
    code: Code = None,
    limit: Limit = 100,
) -> None:
    """List what a person must look at: from files and from kiosks that stored what they did (OF-51)."""
    from sip2d.desk.staff import offline

    caller.show(
        _explained(
            caller.read(
                "offline.exceptions",
                lambda work: offline.exceptions(work, institution, resolved=resolved, code=code, limit=limit),
            )
        )
    )


@command(app, "resolve")
def resolve(
    caller: Caller,
    note: Annotated[str, typer.Option("--note", help="How it was resolved.")],
    exceptions: Annotated[
        list[int] | None, typer.Argument(help="The exceptions' numbers.", show_default=False)
    ] = None,
    code: Code = None,
    institution: Institution = None,
) -> None:
    """Take exceptions off the list, with a note: by number, or all that are open of a code."""
    from sip2d.desk.staff import offline

    if bool(exceptions) == bool(code):
        raise typer.BadParameter("Name the exceptions by their numbers, or all of them by --code.")

    def work(work: "Work") -> list[dict[str, Any]]:
        numbers = exceptions or offline.numbers(work, code or "", institution)
        return [offline.resolve(work, number, note, institution) for number in numbers]

    caller.show(_explained(caller.write("offline.resolve", work)))


@command(app, "blocklist")
def blocklist(caller: Caller, branch: Annotated[str, typer.Argument(help="The desk's branch.")]) -> None:
    """List the cards that may not borrow, for a desk that works without the network."""
    from sip2d.desk.staff import offline

    caller.show(caller.read("offline.blocklist", lambda work: offline.blocklist(work, branch)))


def _in_a_row(session: dict[str, Any]) -> dict[str, Any]:
    """A session with its files' names and the sums of their lines."""
    files = session["files"]
    names = [f"{one['file']} ({one['branch']}): {one['status']}" for one in files]
    sums = {
        status: sum(one[status] for one in files)
        for status in ("pending", "ok", "warning", "error", "duplicate")
    }
    return {**session, "files": names, **sums}


def _explained(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Exceptions with the rule behind each, and what it says."""
    from sip2d.offline import words

    return [
        {
            **{name: row[name] for name in ("exception", "state", "branch", "source", "code")},
            "rule": words.rule(row["code"]),
            "message": words.queued(row["code"]),
            **{name: value for name, value in row.items() if name not in ("exception", "state", "code")},
        }
        for row in rows
    ]


def _planned(caller: Caller, session: str, institution: str | None) -> "tuple[Staff, Plan]":
    """What is to be executed, and by whom; checked before anything runs (GN-8)."""
    from sip2d.desk.staff import offline
    from sip2d.offline import load

    def work(work: "Work") -> "tuple[Staff, Plan]":
        return work.staff, load.plan(work, offline.session(work, session, institution))

    return caller.write("offline.plan", work)
