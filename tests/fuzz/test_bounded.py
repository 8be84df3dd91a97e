"""A bounded run of every fuzz target: the same inputs each time, a few seconds in all."""

import itertools

import pytest

from fuzz import existing, load
from fuzz.mutate import inputs


@pytest.mark.parametrize("name", existing())
def test_the_invariant_holds(name: str) -> None:
    target = load(name)
    for data in itertools.islice(inputs(target.seeds, seed=20260115), len(target.seeds) + 1500):
        target.one_input(data)


def test_the_same_seed_gives_the_same_inputs() -> None:
    first, second = (list(itertools.islice(inputs([b"9900302.00", b"97"], seed=7), 50)) for _ in range(2))
    assert first == second
    assert len(set(first)) > 30


def test_frame_and_codec_are_there() -> None:
    assert {"frame", "codec"} <= set(existing())
