"""Loss: when an item is lost, what that costs, and what its return gives back (circulation.md 8.5, 8.6)."""

import msgspec


class LostValue(msgspec.Struct, frozen=True):
    """An authorised lost status (LO-48); 0 is not lost and has no row."""

    institution_id: int
    code: int
    description: str
    is_auto: bool
    claims_returned: bool
    blocks_checkin: bool
