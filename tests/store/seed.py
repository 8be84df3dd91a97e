"""Databases for the store's tests: upgraded, or with the small library of `tests.support.library` in it."""

from sqlalchemy import delete

from sip2d.store import migrate
from sip2d.store.executor import Store
from sip2d.store.tables import library_epoch
from tests.support import library


def upgraded(url: str) -> None:
    """An empty library of the newest schema."""
    migrate.upgrade(url)


def seeded(url: str) -> None:
    """The small library."""
    migrate.upgrade(url)
    with Store.open(url) as store, store.unit("seed") as unit:
        unit.core.execute(delete(library_epoch))  # the small library brings its own
        library.build(unit)
