"""Settings that make no sense together, though each does alone (BL-22, LO-45, LO-46)."""

from typing import Final

from sip2d.policy.settings import Settings

_EITHER: Final = (
    ("LongOverduePatronCategories", "long_overdue_patron_types", "long_overdue_skip_patron_types"),
    ("LongOverdueItemTypes", "long_overdue_item_types", "long_overdue_skip_item_types"),
    ("LongOverdueBranches", "long_overdue_branches", "long_overdue_skip_branches"),
)
_DEMERITS: Final = (
    "demerit_history_days",
    "demerit_maximum_threshold",
    "demerit_suspension_days",
)


def contradictions(settings: Settings) -> tuple[str, ...]:
    """One sentence for each; what is contradicted stays off."""
    said = []
    missing = [name for name in _DEMERITS if not getattr(settings, name)]
    if settings.demerit_enable and missing:
        said.append(f"demerit_enable needs {' and '.join(missing)} (BL-22).")
    if (
        settings.long_overdue_days is not None
        and settings.long_overdue_days >= settings.long_overdue_max_days
    ):
        said.append("DefaultLongOverdueDays must lie below LongOverdueMaxDays, or nothing is lost (LO-45).")
    for name, only, skip in _EITHER:
        if getattr(settings, only) and getattr(settings, skip):
            other = name.replace("LongOverdue", "LongOverdueSkip")
            said.append(f"{name} and {other} exclude each other (LO-46).")
    return tuple(said)
