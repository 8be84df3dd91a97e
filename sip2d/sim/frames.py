"""The requests of a flood, as bytes: built and summed once, sent in turn for ever."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, TypeVar

import msgspec

from sip2d.wire import codec
from sip2d.wire.frame import seal
from sip2d.wire.kinds import NO_DATE
from sip2d.wire.messages import (
    Checkin,
    Checkout,
    ItemInformation,
    PatronInformation,
    PatronStatusRequest,
    Renew,
    Request,
    ScStatus,
)

KINDS: Final = ("status", "patron", "information", "item", "renew", "checkout", "checkin")
LENGTH: Final = 600  # frames of one connection before they repeat; a multiple of the ten digits
NO_SUMMARY: Final = " " * 10
CHARGED: Final = "  Y       "

T = TypeVar("T")


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One request. ``answer`` is the code of its answer, ``ok`` the character behind it if it was done; empty
    where there is none.
    """

    kind: str
    data: bytes
    answer: bytes
    ok: bytes


class Subjects(msgspec.Struct, frozen=True):
    """Whom and what the requests name. ``loans`` are pairs of a patron and an item he has: they are renewed.
    Each connection lends and returns items of its own.
    """

    patrons: tuple[str, ...]
    items: tuple[str, ...]
    loans: tuple[tuple[str, str], ...]
    institution: str
    pin: str

    def __repr__(self) -> str:
        return f"Subjects({len(self.patrons)} patrons, {len(self.items)} items)"


class Mix:
    """Kinds by their shares. ``loan`` and ``return`` come as a pair: a share of ``checkout`` is both."""

    def __init__(self, shares: Mapping[str, float], chance: Random) -> None:
        merged = {kind: share for kind, share in shares.items() if kind != "checkin"}
        if "checkin" in shares:
            merged["checkout"] = merged.get("checkout", 0.0) + shares["checkin"]
        self._kinds, self._shares = list(merged), list(merged.values())
        self._chance = chance

    def kinds(self) -> Iterator[str]:
        """For ever."""
        while True:
            kind = self._chance.choices(self._kinds, self._shares)[0]
            yield kind
            if kind == "checkout":
                yield "checkin"


def ring(mix: Mix, subjects: Subjects, number: int, of: int, now: datetime, *, checked: bool) -> list[Frame]:
    """The frames of connection ``number`` of ``of``. Transaction dates go up by the second from ``now``, so
    that no request is a repeat of the one before (SP-21).
    """
    frames: list[Frame] = []
    kinds = mix.kinds()
    patrons = _share(subjects.patrons, number, of) or ("0",)
    items = _share(subjects.items, number, of) or ("0",)
    loans = _share(subjects.loans, number, of) or ((patrons[0], items[0]),)
    pair = 0
    while len(frames) < LENGTH or (frames and frames[-1].kind == "checkout"):
        place = len(frames)
        kind = next(kinds)
        stamp = f"{now + timedelta(seconds=place):%Y%m%d    %H%M%S}"
        patron, item = patrons[place % len(patrons)], items[place % len(items)]
        if kind == "checkout":
            pair += 1
        if kind in ("checkout", "checkin"):
            patron, item = patrons[pair % len(patrons)], items[pair % len(items)]
        if kind == "renew":
            patron, item = loans[place % len(loans)]
        request = _request(kind, stamp, patron, item, subjects)
        sequence = b"%d" % (place % 10) if checked else None
        answer = request.answer
        assert answer is not None
        ok = b"1" if kind in ("renew", "checkout", "checkin") else b""
        frames.append(Frame(kind, seal(codec.build(request), sequence, checked), answer.code.encode(), ok))
    return frames


def _share(whole: Sequence[T], number: int, of: int) -> Sequence[T]:
    """Every ``of``-th from ``number`` on; all where there are fewer than connections."""
    return whole[number::of] or whole


def _request(kind: str, stamp: str, patron: str, item: str, subjects: Subjects) -> Request:
    ao, pin = subjects.institution, subjects.pin
    if kind == "status":
        return ScStatus("0", 80, "2.00")
    if kind == "patron":
        return PatronStatusRequest("000", stamp, ao, patron, "", pin)
    if kind == "information":
        return PatronInformation("000", stamp, CHARGED, ao, patron, "", pin or None)
    if kind == "item":
        return ItemInformation(stamp, ao, item)
    if kind == "renew":
        return Renew(False, False, stamp, NO_DATE, ao, patron, pin or None, item)
    if kind == "checkout":
        return Checkout(False, False, stamp, NO_DATE, ao, patron, item, "", None, pin or None)
    return Checkin(False, stamp, stamp, "", ao, item)
