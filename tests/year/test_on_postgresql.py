"""A year in a minute on PostgreSQL (issue 3, 2.3)."""

import pytest

from sip2d.store.executor import Store
from tests.support.databases import Databases
from tests.year.town import AGAIN, DAYS, Auditor, everything_lived, prepare, unhurried


@pytest.mark.timeout(900)
def test_a_year_with_the_books_checked_every_night(postgres: Databases) -> None:
    """PT-1, PT-3, PT-4, PT-5, PT-8, PT-17, PT-19, PT-21, PT-22, PT-23, PT-24, PT-25, PT-28, PT-30;
    LO-8, LO-19, LO-21, LO-22, LO-28, BL-53."""
    with Store.open(unhurried(postgres.fresh(prepare))) as store:
        auditor = Auditor(store)
        auditor.live(DAYS)
        assert (auditor.days, auditor.nights_again) == (DAYS, len(AGAIN))
        everything_lived(store, auditor.simulation.year)
