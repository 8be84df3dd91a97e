"""A branch and a library in memory, for what needs no database."""

from zoneinfo import ZoneInfo

from sip2d.policy.calendar import Calendar
from sip2d.store.library import Branch, BranchSip2, Library, SortBinRule

_ZONE = ZoneInfo("Europe/Paris")


def branch(branch_id: int) -> Branch:
    """A configured branch of institution 1."""
    sip2 = BranchSip2(
        configured=True,
        preset=None,
        retries_allowed=3,
        timeout_seconds=15,
        idle_timeout_seconds=600,
        send_personal_data=True,
        available_hold_allowed=True,
        use_sort_bin=True,
        terminal_location="",
        library_name="",
        max_print_width=0,
        language=None,
        profile=None,
        encoding=None,
        line_terminator=None,
        error_detection=None,
        valid_patron=None,
        renewal_branch=False,
        due_receipt_enabled=False,
        allow_empty_pins=False,
        enforce_institution=False,
        support={},
    )
    return Branch(branch_id, 1, f"B{branch_id}", f"Branch {branch_id}", _ZONE, True, Calendar(_ZONE), sip2)


def library_with(sort_bins: dict[int, tuple[SortBinRule, ...]]) -> Library:
    """Nothing but these sort bins."""
    return Library(1, {}, {}, (), {}, {}, {}, {}, sort_bins)
