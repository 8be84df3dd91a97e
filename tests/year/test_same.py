"""The same seed is the same life on both databases."""

import pytest

from sip2d.store.executor import Store
from tests.support.databases import Databases
from tests.year.town import Auditor, End, end, prepare, unhurried

DAYS = 30


def life(url: str) -> End:
    with Store.open(url) as store:
        return end(store, Auditor(store).live(DAYS))


@pytest.mark.timeout(300)
def test_a_month_ends_the_same_on_both_databases(sqlite_databases: Databases, postgres: Databases) -> None:
    """Money by account, events, blocks, notices, memberships, and what was done and refused."""
    assert life(sqlite_databases.fresh(prepare)) == life(unhurried(postgres.fresh(prepare)))
