"""What the jobs that write to patrons have in common: pages by patron, and the ways a notice may go."""

from collections.abc import Sequence
from typing import Final

import msgspec

from sip2d.notices.address import usable
from sip2d.store.outbox import EMAIL, PRINT

PATRONS: Final = 50
"""Patrons of one page."""


def pieces(page: Sequence[tuple[int, int]], most: int) -> list[list[int]]:
    """Patrons (id, how many loans) in groups of at most ``most`` loans; somebody with more is alone."""
    groups: list[list[int]] = []
    room = 0
    for patron_id, loans in page:
        if not groups or loans > room:
            groups.append([])
            room = most
        groups[-1].append(patron_id)
        room -= loans
    return groups


def ways(transports: str | Sequence[str], email: str | None) -> list[str]:
    """How a notice goes to somebody: what cannot be mailed, or would need an SMS gateway, is printed, once
    (LO-17). ``transports`` in order, or JSON."""
    wanted = msgspec.json.decode(transports, type=list[str]) if isinstance(transports, str) else transports
    reachable = usable(email) is not None
    return list(dict.fromkeys(one if one == EMAIL and reachable else PRINT for one in wanted))


def key(base: str, way: str, number: int) -> str:
    """The key of one of a notice's ways: the first has the rule's own (LO-8, LO-19)."""
    return base if number == 0 else f"{base}|{way}"
