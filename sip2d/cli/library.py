"""`sip2d library`: the policy set of an institution as files (issue 3, 1.6)."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from sip2d.cli import exits
from sip2d.cli.caller import Caller, tell
from sip2d.cli.command import command, group
from sip2d.cli.options import Institution

app = group("The whole policy set: rules, types, calendars, settings, blocks, notices; as files.")

Source = Annotated[
    Path, typer.Argument(help="TOML file, or folder of CSV files as `export --csv` writes them.", exists=True)
]


@command(app, "export", form=False)
def export(
    caller: Caller,
    target: Annotated[Path | None, typer.Argument(help="File [default: standard output].")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="TARGET is a folder: one CSV file a section.")] = False,
    institution: Institution = None,
) -> None:
    """Write everything that is in force or to come."""
    from sip2d.desk.staff import policyfile, policyset

    document = caller.read("library.export", lambda work: policyset.export(work, institution))
    if csv:
        if target is None:
            raise typer.BadParameter("--csv needs a folder to write to")
        target.mkdir(parents=True, exist_ok=True)
        for name, text in policyfile.to_csv(document).items():
            (target / f"{name}.csv").write_text(text, encoding="utf-8")
        tell(f"{len(document)} files in {target}.")
    elif target is None:
        sys.stdout.write(policyfile.to_toml(document))
    else:
        target.write_text(policyfile.to_toml(document), encoding="utf-8")
        tell(f"{sum(map(len, document.values()))} rows in {target}.")


@command(app, "diff", form=False)
def diff(caller: Caller, source: Source, institution: Institution = None) -> None:
    """Say what `apply` would do. Exit code 1 when there is a difference."""
    from sip2d.desk.staff import policyset

    document = _read(source)
    changes = caller.read("library.diff", lambda work: policyset.difference(work, document, institution))
    for change in changes:
        print(change.line)
    if changes:
        raise typer.Exit(exits.SOME_FAILED)
    tell("No difference.")


@command(app, "apply", form=False)
def apply(caller: Caller, source: Source, institution: Institution = None) -> None:
    """Make the policy set what the files say, all of it or nothing; what was done is listed."""
    from sip2d.cli.notice import texts
    from sip2d.desk.staff import policyset
    from sip2d.notices.preview import shipped

    document, told = _read(source), shipped(texts(caller))
    changes = caller.write("library.apply", lambda work: policyset.apply(work, document, institution, told))
    for change in changes:
        print(change.line)
    tell(f"{len(changes)} changes." if changes else "Nothing to do.")


def _read(source: Path) -> dict[str, Any]:
    from sip2d.desk.staff import policyfile

    if source.is_dir():
        files = sorted(source.glob("*.csv"))
        return dict(policyfile.from_csv({file.stem: file.read_text("utf-8-sig") for file in files}))
    return policyfile.from_toml(source.read_text("utf-8"))
