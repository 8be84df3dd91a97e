"""How long units took, as the metrics have it (issue 7.1)."""

from hypothesis import given
from hypothesis import strategies as st

from sip2d.store.health import Health, Laps

NAMES = st.sampled_from(("11", "29", "63", "ahead"))


@given(st.lists(st.tuples(NAMES, st.integers(0, 1000)), max_size=30), st.sets(st.integers(0, 30)))
def test_every_unit_is_counted_and_timed_under_its_own_name(
    units: list[tuple[str, int]], pauses: set[int]
) -> None:
    """What lies between two units, after an `end`, is nobody's."""
    health, now = Health(), [0.0]
    laps = Laps(health, lambda: now[0])
    expected: dict[str, tuple[int, float]] = {}
    for place, (name, seconds) in enumerate(units):
        if place in pauses:
            laps.end()
            now[0] += 5000
        laps.begin(name)
        now[0] += seconds
        count, took = expected.get(name, (0, 0.0))
        expected[name] = count + 1, took + seconds
    laps.end()
    now[0] += 7000
    assert health.stats(0, 0).units == expected


def test_the_clock_is_looked_at_where_the_name_changes() -> None:
    looks = iter(range(100))
    laps = Laps(Health(), lambda: float(next(looks)))
    for name in ("29", "29", "29", "11", "29"):
        laps.begin(name)
    laps.end()
    assert next(looks) == 1 + 3 + 1  # when it is made, at 29, 11 and 29, at the end
