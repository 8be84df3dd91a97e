"""Pages of patrons, cut into pieces that no kiosk waits for long."""

from hypothesis import given
from hypothesis import strategies as st

from sip2d.jobs import letters


@given(st.lists(st.integers(1, 80), max_size=40), st.integers(1, 60))
def test_pieces_are_bounded_and_nobody_is_left_out(loans: list[int], most: int) -> None:
    page = list(enumerate(loans, start=1))
    groups = letters.pieces(page, most)
    assert [one for group in groups for one in group] == [one for one, _ in page]
    counts = dict(page)
    assert all(sum(counts[one] for one in group) <= most or len(group) == 1 for group in groups)
