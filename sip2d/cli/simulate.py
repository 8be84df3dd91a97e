"""`sip2d simulate`: live through days of a town, and say what happened (issue 3, 2.3)."""

import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from sip2d.cli import exits
from sip2d.cli.caller import tell


def simulate(
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="How many.")] = 30,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other visitors.")] = 1,
    visits: Annotated[int, typer.Option("--visits", min=4, help="Visitors a day.")] = 60,
    patrons: Annotated[int, typer.Option("--patrons", min=10)] = 300,
    items: Annotated[int, typer.Option("--items", min=10)] = 600,
    start: Annotated[str, typer.Option("--start", help="The first day.")] = "2026-01-01",
    database: Annotated[
        str | None,
        typer.Option("--database", help="URL of an empty database to keep [default: a file thrown away]."),
    ] = None,
) -> None:
    """Live through days of a town with every rule in force: visitors, staff, nightly jobs, notices; the
    books are checked every morning. Exit code 1 when they do not agree.
    """
    first = _day(start)
    from sip2d.demo.simulate import Broken, Simulation, Year
    from sip2d.demo.story import story
    from sip2d.demo.town import Town
    from sip2d.store import migrate
    from sip2d.store.executor import Store

    def hear(day: date, year: Year) -> None:
        if year.days % 30 == 0:
            tell(f"{day}: {year.days} days, {year.visits.total()} visits.")

    with tempfile.TemporaryDirectory(prefix="sip2d-") as folder:
        url = database or f"sqlite:///{Path(folder) / 'town.db'}"
        migrate.upgrade(url)
        with Store.open(url) as store:
            if store.call(False, "simulate.empty", lambda unit: unit.library.institutions):
                tell("There is a library in this database already: the town needs an empty one.")
                raise typer.Exit(exits.CANNOT_CREATE)
            simulation = Simulation(store, Town(patrons, items), seed=seed, visits=visits, hear=hear)
            try:
                simulation.live(first, days)
            except Broken as broken:
                tell(str(broken))
                raise typer.Exit(exits.SOME_FAILED) from None
            finally:
                typer.echo(story(store, simulation.year))


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date such as 2026-01-01.", param_hint="--start") from None
