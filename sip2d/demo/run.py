"""Makes the demo library in a folder, and serves it."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sip2d import collector
from sip2d.compose import compose, prepare_database
from sip2d.config import ListenerSettings, Settings, load
from sip2d.daemon import logs
from sip2d.daemon.lifecycle import Daemon, main
from sip2d.daemon.pins import hash_secret
from sip2d.demo import certificates, plan, seed, welcome
from sip2d.demo.past import Past
from sip2d.store import epoch, migrate
from sip2d.store.executor import Store

LOOPBACK: Final = "127.0.0.1"
DATABASE: Final = "library.db"
DESCRIPTION: Final = "demo.json"


def database_url(folder: Path) -> str:
    """The demo's SQLite file."""
    return f"sqlite:///{(folder / DATABASE).resolve()}"


def build(url: str, now: datetime) -> None:
    """Migrates an empty database and fills it: organisation, people and shelves first, then their past."""
    migrate.upgrade(url)
    secrets = {kiosk.password: hash_secret(kiosk.password) for kiosk in plan.KIOSKS}
    pin_hash = hash_secret(plan.PIN)
    made: dict[str, seed.Made] = {}
    with Store.open(url) as store:
        with store.unit("demo.seed") as unit:
            for house in plan.HOUSES:
                one = made[house.code] = seed.organisation(unit, house, now)
                seed.terminals(unit, house, one, secrets, now)
                seed.people(unit, house, one, pin_hash, now)
                seed.shelves(unit, house, one)
            seed.staff(unit)
            epoch.bump(unit)
        with store.unit("demo.past") as unit:
            for house in plan.HOUSES:
                Past(unit, house, made[house.code], now).happen()


def ensure(folder: Path, say: Callable[[str], None]) -> None:
    """The demo in ``folder``, made when it is not there; a half-made one is made anew."""
    folder.mkdir(parents=True, exist_ok=True)
    # That of a demo that was killed would mislead whoever waits for the new one.
    (folder / DESCRIPTION).unlink(missing_ok=True)
    now = datetime.now(UTC)
    if not certificates.complete(folder):
        certificates.make(folder, now)
    database = folder / DATABASE
    if database.exists():
        return
    say("Making the demo library: two institutions, 200 patrons, 500 items and their past ...")
    # A journal of a database that is gone would be replayed into the new one.
    for leftover in folder.glob(f"{DATABASE}*"):
        leftover.unlink()
    fresh = folder / f"{DATABASE}.new"
    build(f"sqlite:///{fresh.resolve()}", now)
    fresh.rename(database)


def settings(folder: Path, *, port: int, tls_port: int, admin_port: int) -> Settings:
    """Loopback only: plain, TLS, and the admin pages."""
    pem = certificates.files(folder)
    listeners = [
        ListenerSettings(name="sip2", host=LOOPBACK, port=port),
        ListenerSettings.model_validate(
            {
                "name": "sip2-tls",
                "host": LOOPBACK,
                "port": tls_port,
                "tls": {"cert": str(pem.cert), "key": str(pem.key)},
            }
        ),
    ]
    return load(
        None,
        {
            "listeners": [one.model_dump() for one in listeners],
            "database": {"url": database_url(folder), "auto_upgrade": "sqlite"},
            "admin": {"host": LOOPBACK, "port": admin_port},
            "limits": {"connections": 8192, "per_address": 4096},
            "logging": {"access": str(folder / "access.log"), "level": "warning"},
        },
    )


def demo(folder: Path, *, port: int, tls_port: int, admin_port: int, say: Callable[[str], None]) -> int:
    """Makes the demo where it is not there, and serves it until a signal. The exit code.

    Raises:
        OSError: a port is taken; what was made is kept.
    """
    ensure(folder, say)
    chosen = settings(folder, port=port, tls_port=tls_port, admin_port=admin_port)
    logs.configure(chosen.logging)
    prepare_database(chosen)
    description = folder / DESCRIPTION

    def up(daemon: Daemon) -> None:
        ports = {one.settings.name: one.port for one in daemon.listeners}
        described = plan.describe(
            sip2=ports["sip2"],
            tls=ports["sip2-tls"],
            admin=daemon.admin.port if daemon.admin else 0,
            ca_file=str(certificates.files(folder).ca.resolve()),
        )
        draft = folder / f"{DESCRIPTION}.new"
        draft.write_text(json.dumps(described, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        draft.rename(description)
        collector.once_started()
        say(welcome.page(described, folder))

    try:
        return main(lambda: compose(chosen), up)
    finally:
        description.unlink(missing_ok=True)
