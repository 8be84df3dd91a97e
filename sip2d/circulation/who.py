"""Whom and what a request names: codes as they were scanned, made barcodes by the profile, and looked up
(peers 37)."""

from sip2d.circulation.call import Call
from sip2d.desk import subjects
from sip2d.desk.place import Desk
from sip2d.policy.facts import ItemFacts, PatronFacts
from sip2d.store.unit import Unit


def patron(unit: Unit, call: Call, desk: Desk, code: str) -> PatronFacts | None:
    """The patron a card code names here; the answer echoes the code as it was sent (quirks C17)."""
    barcode = call.profile.patron_barcode.normal(code)
    return subjects.patron(unit, desk, barcode) if barcode else None


def item(unit: Unit, call: Call, desk: Desk, code: str) -> ItemFacts | None:
    """The item a code names here."""
    barcode = call.profile.item_barcode.normal(code)
    return subjects.item(unit, desk, barcode) if barcode else None
