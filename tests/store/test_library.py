"""The library in memory: every table that staff changes, read into frozen values of one epoch."""

from datetime import UTC, date, datetime
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import Connection, Table, insert

from sip2d.store import epoch
from sip2d.store import tables as t
from sip2d.store.aside import REFUSED_KEPT, Aside, RefusedAddress, SessionRecord
from sip2d.store.executor import Store
from sip2d.store.library import Library
from sip2d.store.snapshot import NOT_CONFIGURED
from tests.store.seed import seeded, upgraded
from tests.support.databases import Databases


def _add(core: Connection, table: Table, **values: Any) -> int:
    row = core.execute(insert(table).values(**values)).inserted_primary_key
    return int(row[0]) if row and isinstance(row[0], int) else 0


def _fill(core: Connection) -> None:
    institution = _add(
        core, t.institution, code="I", name="I", timezone="Europe/Paris", currency="KWD", language="fr"
    )
    own = _add(
        core, t.branch, institution_id=institution, code="OWN", name="Own", timezone="Asia/Tokyo",
        uses_own_calendar=1,
    )  # fmt: skip
    plain = _add(core, t.branch, institution_id=institution, code="PLAIN", name="Plain")
    monday = {"weekday": 0, "opens": "09:00", "closes": "12:00"}
    _add(core, t.opening_interval, institution_id=institution, **monday)
    _add(core, t.opening_interval, branch_id=own, **{**monday, "weekday": 1, "closes": "24:00"})
    _add(core, t.special_closure, institution_id=institution, kind="RECURRING", month=12, day=25)
    _add(core, t.calendar_exception, institution_id=institution, day_on="2026-03-08", open=1)
    _add(core, t.setting, scope="SITE", scope_id=0, key="a", value="site")
    _add(core, t.setting, scope="SITE", scope_id=0, key="b", value="site")
    _add(core, t.setting, scope="INSTITUTION", scope_id=institution, key="a", value="own")
    _add(core, t.setting, scope="BRANCH", scope_id=plain, key="a", value="branch")
    _add(core, t.branch_sip2, branch_id=plain, status="CONFIGURED", send_personal_data=1, retries_allowed=7)
    _add(core, t.branch_message, branch_id=plain, message="CHECKOUT", support="ENABLED_NO_AUTH")
    _add(core, t.terminal, name="one", branch_id=plain, address="10.0.0.0", prefix_length=8, created_at=1)
    _add(
        core, t.terminal, name="two", branch_id=plain, address="::1", prefix_length=128, created_at=1,
        removed_at=2,
    )  # fmt: skip
    patron_type = _add(core, t.patron_type, institution_id=institution, code="A", name="A", loan_limit=3)
    _add(core, t.item_type, institution_id=institution, code="B", name="B", magnetic=1)
    _add(
        core, t.circulation_rule, institution_id=institution, patron_type_id=patron_type, name="loan_period",
        value="21",
    )  # fmt: skip
    _add(core, t.custom_message, institution_id=institution, scenario="X", language="fr", text="Bonjour")
    _add(core, t.sort_bin_rule, branch_id=plain, rank=2, bin="2")
    _add(core, t.sort_bin_rule, branch_id=plain, rank=1, bin="1", routing="TRANSIT")


@pytest.fixture
def library(databases: Databases) -> Library:
    with Store.open(databases.fresh(upgraded)) as store:
        with store.unit("fill") as unit:
            _fill(unit.core)
            epoch.bump(unit)
        with store.unit("read", writes=False) as unit:
            return unit.library


def test_everything_is_read(library: Library) -> None:
    (institution,) = library.institutions.values()
    assert institution.decimals == 3
    assert institution.settings == {"a": "own", "b": "site"}
    own, plain = library.branches.values()
    assert (own.zone.key, plain.zone.key) == ("Asia/Tokyo", "Europe/Paris")
    assert own.sip2 is NOT_CONFIGURED
    assert plain.sip2.configured is True
    assert plain.sip2.send_personal_data is True
    assert plain.sip2.retries_allowed == 7
    assert plain.sip2.support == {"CHECKOUT": "ENABLED_NO_AUTH"}
    (terminal,) = library.terminals
    assert terminal.network == ip_network("10.0.0.0/8")
    assert terminal.enabled is True
    (patron_type,) = library.patron_types.values()
    assert patron_type.loan_limit == 3
    (item_type,) = library.item_types.values()
    assert item_type.magnetic is True
    assert library.texts == {(institution.id, "X", "fr"): "Bonjour"}
    assert [rule.bin for rule in library.sort_bins[plain.id]] == ["1", "2"]
    terms = library.matrices[institution.id].terms(
        plain.id, patron_type.id, item_type.id, datetime(2026, 3, 9, tzinfo=UTC)
    )
    assert terms is not None


def test_a_branch_keeps_its_own_calendar_or_its_institutions(library: Library) -> None:
    """CL-1."""
    own, plain = library.branches.values()
    monday, tuesday = date(2026, 3, 9), date(2026, 3, 10)
    assert [plain.calendar.is_open(day) for day in (monday, tuesday)] == [True, False]
    assert [own.calendar.is_open(day) for day in (monday, tuesday)] == [False, True]
    assert plain.calendar.is_open(date(2026, 3, 8))
    assert not plain.calendar.is_open(date(2023, 12, 25))
    assert not own.calendar.is_open(date(2026, 3, 8))


async def test_the_event_loop_sees_the_same(databases: Databases) -> None:
    url = databases.fresh(seeded)
    with Store.open(url) as store, store.unit("read", writes=False) as unit:
        library = unit.library
    aside = Aside.open(url)
    try:
        assert await aside.ping()
        assert await aside.epoch() == library.epoch
        seen = await aside.library()
        assert seen.institutions == library.institutions
        assert seen.terminals == library.terminals
        assert seen.branches.keys() == library.branches.keys()
    finally:
        await aside.close()


async def test_the_event_loop_takes_notes(databases: Databases) -> None:
    url = databases.fresh(seeded)
    aside = Aside.open(url)
    try:
        many = [RefusedAddress(f"10.1.{n // 250}.{n % 250}", "address", "sip2", n) for n in range(250)]
        await aside.record_refused(many)
        await aside.record_refused([RefusedAddress("10.1.0.249", "tls", "sip2", 900, 4)])
        await aside.log_sessions([SessionRecord(None, None, "10.1.0.1", 1, 2, "idle")])
        await aside.log_sessions([])
        with Store.open(url) as store, store.unit("look", writes=False) as unit:
            terminal = unit.library.terminals[0]
            refused = unit.core.execute(t.refused_address.select()).all()
            assert unit.core.execute(t.session_log.select()).one().close_reason == "idle"
        await aside.touch_terminals([terminal.id], 77)
        with Store.open(url) as store, store.unit("look", writes=False) as unit:
            touched = unit.core.execute(t.terminal.select().where(t.terminal.c.id == terminal.id)).one()
        assert touched.last_used_at == 77
    finally:
        await aside.close()
    assert len(refused) == REFUSED_KEPT
    (again,) = [row for row in refused if row.address == "10.1.0.249"]
    assert tuple(again) == ("10.1.0.249", "tls", "sip2", 249, 900, 5)


async def test_the_event_loop_hears_that_nobody_answers(tmp_path: Any) -> None:
    # A path that cannot be opened would do too, but then aiosqlite's thread may outlive the test's loop.
    (tmp_path / "library.db").write_bytes(b"this is no database, whatever its name says " * 100)
    aside = Aside.open(f"sqlite:///{tmp_path}/library.db")
    try:
        assert not await aside.ping()
    finally:
        await aside.close()
