"""What the demo library is: institutions, branches, terminals, and the patrons and items worth knowing by
barcode.

All of it is fixed, so that a person, a script and a test find the same values in every demo (issue 1.2).
"""

from typing import Final

import msgspec

PIN: Final = "1234"
SHELF: Final = 20
"""So many items of the first institution stand on the shelf, free to borrow."""


class Place(msgspec.Struct, frozen=True):
    """A branch; ``preset`` bundles its SIP2 settings, ``pins`` makes every patron message ask for the PIN."""

    code: str
    name: str
    preset: str
    pins: bool = False


class House(msgspec.Struct, frozen=True):
    """An institution with its branches."""

    code: str
    name: str
    zone: str
    currency: str
    language: str
    prefix: str
    places: tuple[Place, ...]


class Kiosk(msgspec.Struct, frozen=True):
    """A terminal. ``about``: short words for a script that picks one."""

    user: str
    branch: str
    profile: str
    about: str
    require_tls: bool = False
    purpose: str | None = None

    @property
    def password(self) -> str:
        """Fixed and public: the demo listens on loopback only."""
        return f"{self.user}-demo"


class Known(msgspec.Struct, frozen=True):
    """A patron or item worth knowing: number within its kind, and what it is good for."""

    number: int
    about: str


HOUSES: Final = (
    House(
        "VALMONT",
        "Médiathèques de Valmont",
        "Europe/Paris",
        "EUR",
        "fr",
        "99",
        (
            Place("CENTRE", "Médiathèque du Centre", "kiosk"),
            Place("NORD", "Bibliothèque Nord", "kiosk", pins=True),
            Place("TRI", "Centre de tri", "kiosk"),
            Place("RENOUV", "Renouvellements en lot", "bulk-renewal"),
            Place("NUMERIQUE", "Ressources numériques", "verifier"),
        ),
    ),
    House(
        "HARBOUR",
        "Harbour County Libraries",
        "Europe/London",
        "GBP",
        "en",
        "98",
        (Place("MAIN", "Main Library", "kiosk"), Place("QUAY", "Quayside", "kiosk", pins=True)),
    ),
)

KIOSKS: Final = (
    Kiosk("kiosk", "CENTRE", "standard", "kiosk"),
    Kiosk("kiosk-pin", "NORD", "standard", "kiosk pin"),
    Kiosk("kiosk-tls", "CENTRE", "standard", "kiosk tls-only", require_tls=True),
    Kiosk("legacy", "CENTRE", "legacy-cp850-crlf", "kiosk legacy"),
    Kiosk("sorter", "TRI", "extended", "sorter extended"),
    Kiosk("koha-like", "CENTRE", "koha-like", "kiosk koha-like"),
    Kiosk("evergreen-like", "CENTRE", "evergreen-like", "kiosk evergreen-like"),
    Kiosk("bulk", "RENOUV", "standard", "bulk tls-only", require_tls=True, purpose="bulk"),
    Kiosk("verifier", "NUMERIQUE", "e-content-verifier", "verifier"),
    Kiosk("harbour", "MAIN", "standard", "kiosk second-institution"),
    Kiosk("quay", "QUAY", "extended", "kiosk pin second-institution"),
)

PATRONS: Final = (
    Known(1, "ok"),
    Known(2, "ok"),
    Known(3, "ok"),
    Known(4, "fees"),
    Known(5, "fees blocked"),
    Known(6, "expired"),
    Known(7, "blocked"),
    Known(8, "card-lost blocked"),
    Known(9, "overdue"),
    Known(10, "on-loan"),
    Known(11, "held"),
    Known(12, "on-loan recalled"),
)
ITEMS: Final = (
    *(Known(number, "ok on-shelf") for number in range(1, SHELF + 1)),
    Known(21, "on-loan"),
    Known(22, "overdue on-loan"),
    Known(23, "recalled on-loan"),
    Known(24, "held"),
    Known(25, "lost"),
    Known(26, "not-for-loan"),
    Known(27, "withdrawn"),
    Known(28, "rental on-shelf"),
    Known(29, "in-transit"),
    Known(30, "on-loan wanted"),
)
COUNTS: Final = {"VALMONT": (140, 350), "HARBOUR": (60, 150)}
"""How many patrons and items."""


def patron_barcode(house: House, number: int) -> str:
    """``21990000000017`` is patron 17 of the first institution."""
    return f"21{house.prefix}{number:010d}"


def item_barcode(house: House, number: int) -> str:
    """``31990000000017`` is item 17 of the first institution."""
    return f"31{house.prefix}{number:010d}"


def house_of(kiosk: Kiosk) -> House:
    """The institution a terminal stands in."""
    return next(house for house in HOUSES if any(place.code == kiosk.branch for place in house.places))


def describe(*, sip2: int, tls: int, admin: int, ca_file: str, host: str = "127.0.0.1") -> dict[str, object]:
    """The demo as one JSON object: addresses, and the logins and barcodes of the first institution (issue
    1.2)."""
    first = HOUSES[0]
    return {
        "sip2": {"host": host, "port": sip2},
        "tls": {"host": host, "port": tls, "ca_file": ca_file},
        "admin": {"host": host, "port": admin},
        "institution": first.code,
        "terminals": [
            {
                "user": kiosk.user,
                "password": kiosk.password,
                "branch": kiosk.branch,
                "location": kiosk.branch,
                "profile": kiosk.profile,
                "about": kiosk.about,
            }
            for kiosk in KIOSKS
            if house_of(kiosk) is first
        ],
        "patrons": [
            {"barcode": patron_barcode(first, one.number), "pin": PIN, "about": one.about} for one in PATRONS
        ],
        "items": [{"barcode": item_barcode(first, one.number), "about": one.about} for one in ITEMS],
    }
