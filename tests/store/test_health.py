"""How long units took, as the metrics have it (issue 7.1)."""

import pytest

from sip2d.store.health import Health

SHARES = [
    (["63"], {"63": (1, 0.6)}),
    (["63", "63", "63"], {"63": (3, 0.6)}),
    (["63", "17", "63"], {"63": (2, 0.4), "17": (1, 0.2)}),
    (["63", "17", "35"], {"63": (1, 0.2), "17": (1, 0.2), "35": (1, 0.2)}),
]


@pytest.mark.parametrize(("names", "shares"), SHARES)
def test_a_batch_is_shared_out_evenly(names: list[str], shares: dict[str, tuple[int, float]]) -> None:
    """By how many units of each name were in it; nothing is lost of the time."""
    health = Health()
    health.took_evenly(names, 0.6)
    units = health.stats(0, 0).units
    assert {name: count for name, (count, _) in units.items()} == {
        name: share[0] for name, share in shares.items()
    }
    assert [units[name][1] for name in shares] == pytest.approx([seconds for _, seconds in shares.values()])


def test_a_batch_comes_on_top_of_what_was_there() -> None:
    health = Health()
    health.took("63", 1.0)
    health.took("11", 2.0)
    health.took_evenly(["63", "17"], 0.5)
    health.took_evenly(["17", "63"], 0.5)
    assert health.stats(0, 0).units == {"63": (3, 1.5), "11": (1, 2.0), "17": (2, 0.5)}
