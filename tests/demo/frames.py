"""Requests of a kiosk in the demo's first institution."""

from datetime import UTC, datetime

from sip2d.demo import plan
from tests.support.kiosk import stamp

NO_DATE = " " * 18
FIRST = plan.HOUSES[0]


def now() -> str:
    return stamp(datetime.now(UTC))


def patron(number: int) -> str:
    return plan.patron_barcode(FIRST, number)


def item(number: int) -> str:
    return plan.item_barcode(FIRST, number)


def pin(with_pin: bool = True) -> str:
    return f"AD{plan.PIN}|" if with_pin else ""


def status(barcode: str, *, with_pin: bool = True) -> str:
    return f"23001{now()}AO{FIRST.code}|AA{barcode}|AC|{pin(with_pin)}"


def information(barcode: str, summary: str = " " * 10, *, with_pin: bool = True) -> str:
    return f"63001{now()}{summary}AO{FIRST.code}|AA{barcode}|AC|{pin(with_pin)}"


def item_information(barcode: str) -> str:
    return f"17{now()}AO{FIRST.code}|AB{barcode}|AC|"


def checkout(who: str, what: str, *, with_pin: bool = True, fee_ok: bool = False) -> str:
    fee = "BOY|" if fee_ok else ""
    return f"11NN{now()}{NO_DATE}AO{FIRST.code}|AA{who}|AB{what}|AC|{pin(with_pin)}{fee}"


def checkin(what: str, location: str = "CENTRE") -> str:
    return f"09N{now()}{now()}AP{location}|AO{FIRST.code}|AB{what}|AC|"


def renew(who: str, what: str, *, no_block: str = "N", due: str = NO_DATE) -> str:
    return f"29N{no_block}{now()}{due}AO{FIRST.code}|AA{who}|AB{what}|AC|"
