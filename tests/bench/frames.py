"""Frames as a kiosk sends them, built and sealed ahead: the generator only sends."""

import itertools
import random
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Final

from sip2d.wire import codec, frame
from sip2d.wire.messages import Checkout, Login, PatronInformation, Renew, Request, ScStatus
from tests.bench import dataset

CHARGED: Final = "  Y       "
"""The summary that asks for the items on loan, as a kiosk's account page does."""
NO_DATE: Final = " " * 18
MADE: Final = 20_000
PIN: Final = dataset.PIN


def sealed(request: Request, sequence: int = 0) -> bytes:
    """With error detection."""
    return frame.seal(codec.build(request), str(sequence % 10).encode(), True)


def stamp() -> str:
    """Now, as a kiosk writes it."""
    now = datetime.now().astimezone()
    return f"{now:%Y%m%d}    {now:%H%M%S}"


def login() -> bytes:
    """Of the bench's kiosk."""
    return sealed(Login("0", "0", dataset.KIOSK.user, dataset.KIOSK.password, dataset.KIOSK.branch))


def status() -> Iterator[bytes]:
    """SC status, without end. Nine of them, so that none of 50 kiosks in turn sends the same frame twice:
    pysip2 would answer that from memory."""
    return itertools.cycle([sealed(ScStatus("0", 80, "2.00"), number) for number in range(9)])


def patrons(most: int = MADE) -> list[int]:
    """The patrons that are asked for, in no order."""
    return random.Random(7).sample(range(1, dataset.PATRONS + 1), most)


def information(pin: str | None = None, most: int = MADE) -> Iterator[bytes]:
    """Patron information of ``patrons(most)``, with what they have on loan, without end."""
    at = stamp()
    return itertools.cycle(
        [
            sealed(
                PatronInformation(
                    "001", at, CHARGED, dataset.HOUSE.code, dataset.patron_barcode(patron), "", pin
                ),
                place,
            )
            for place, patron in enumerate(patrons(most))
        ]
    )


def renewals(turn: int = 0, leave: Callable[[int], bool] = lambda item: False) -> Iterator[bytes]:
    """One renewal of each loan of half the library but those to ``leave``; StopIteration when all are
    renewed. Two ``turn``s meet none twice. Each says the second it is made in, as a kiosk does: with one date
    for all, the journal's index was written at places drawn by lot (0.8 pages of 5.4 a renewal, now 0.5)."""
    half = dataset.LOANS // 2
    first = turn * half
    for place, item in enumerate(random.Random(11).sample(range(first + 1, first + half + 1), half)):
        if leave(item):
            continue
        patron, barcode = dataset.patron_barcode(dataset.borrower(item)), dataset.item_barcode(item)
        yield sealed(
            Renew(False, False, stamp(), NO_DATE, dataset.HOUSE.code, patron, item_id=barcode), place
        )


def checkouts() -> Iterator[bytes]:
    """One checkout of each item on the shelf, everybody takes one or two; StopIteration when all are on
    loan."""
    shelf = range(dataset.LOANS + 1, dataset.ITEMS + 1)
    for place, item in enumerate(random.Random(13).sample(shelf, len(shelf))):
        patron, barcode = dataset.patron_barcode(dataset.borrower(item)), dataset.item_barcode(item)
        yield sealed(
            Checkout(False, False, stamp(), NO_DATE, dataset.HOUSE.code, patron, item_id=barcode), place
        )
