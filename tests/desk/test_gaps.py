"""Blocks that policies ask for and nobody defined: BL-22, BL-33, BL-45."""

from collections.abc import Mapping

import pytest

from sip2d.desk.gaps import ALL, gaps
from sip2d.store.snapshot import read_library
from tests.support.desks import Room
from tests.support.library import NOW
from tests.support.penalties import DEMERITS, configure

BLOCKING = {"overdue_block_unit": "WHOLE_DAYS", "overdue_block_value": "5"}
NO_OVERDUE, NO_DEMERIT, INCOMPLETE = ALL


@pytest.mark.parametrize(
    ("terms", "settings", "definitions", "found"),
    [
        ({}, {}, (), set()),
        (BLOCKING, {}, (), {NO_OVERDUE}),
        (BLOCKING, {}, ("DEMERIT",), {NO_OVERDUE}),
        (BLOCKING, {}, ("LOAN",), set()),
        (BLOCKING | {"overdue_block_value": "0"}, {}, (), set()),
        (BLOCKING | {"overdue_block_unit": "NONE"}, {}, (), set()),
        ({}, DEMERITS, ("LOAN",), {NO_DEMERIT}),
        ({}, DEMERITS, ("DEMERIT",), set()),
        ({}, {"demerit_enable": "true"}, ("DEMERIT",), {INCOMPLETE}),
        (BLOCKING, {"demerit_enable": "true"}, (), set(ALL)),
    ],
)
def test_bl45_bl22_what_is_asked_for_and_missing(
    room: Room,
    terms: Mapping[str, str],
    settings: Mapping[str, str],
    definitions: tuple[str, ...],
    found: set[str],
) -> None:
    """What `sip2d_policy_gap` tells before anybody returns a thing late."""
    world = configure(room, terms={"BOOK": terms}, settings=settings, definitions=definitions)
    with room.unit(writes=False) as unit:
        library = read_library(unit.core)
    assert gaps(library, world.institutions["MAIN"], NOW) == found
