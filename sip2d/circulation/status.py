"""ACS status (98): what this terminal may do here, told from memory (SP-3, SP-4)."""

from typing import Final

import msgspec

from sip2d.circulation.authorise import offline_mode, support
from sip2d.circulation.call import Spoken
from sip2d.circulation.registry import SERVICES
from sip2d.store.library import Branch, Institution
from sip2d.vocabulary import MessageKey
from sip2d.wire.messages import REQUESTS, AcsStatus, ScStatus

# The session serves these by itself or with the daemon, never in a unit.
_SERVED_OUTSIDE: Final = frozenset({"93", "97", "99"})


class Health(msgspec.Struct, frozen=True, gc=False):
    """Whether the store can be read and written now; what it cannot do, 98 says N to (peers 31)."""

    reads: bool = True
    writes: bool = True


HEALTHY: Final = Health()


def supported(branch: Branch) -> str:
    """BX: sixteen Y or N from the levels of CN-5, and only for what is served at all."""
    bits = ["N"] * 16
    for message in REQUESTS:
        served = message.code in SERVICES or message.code in _SERVED_OUTSIDE
        key = next(key for key in MessageKey if key.code == message.code)
        if served and support(branch, key) != "DISABLED":
            bits[message.bit] = "Y"
    return "".join(bits)


def spoken(request: ScStatus) -> Spoken:
    """What a 99 says of the SC: its version, and its print width where that is one (000, 999 and blanks are
    none)."""
    width = request.max_print_width or 0
    return Spoken(request.protocol_version.startswith("1."), width if 1 < width < 255 else 0)


def acs_status(
    institution: Institution, branch: Branch, health: Health, stamp: str, request: ScStatus
) -> AcsStatus:
    """The 98 of a bound session. The timeout is in tenths of a second, clamped to 1..998 (CN-4)."""
    sip2 = branch.sip2
    able = health.reads and health.writes and sip2.configured

    def enabled(key: MessageKey) -> bool:
        return able and support(branch, key) != "DISABLED"

    return AcsStatus(
        health.reads and sip2.configured,
        enabled(MessageKey.CHECKIN),
        enabled(MessageKey.CHECKOUT),
        enabled(MessageKey.RENEW),
        enabled(MessageKey.BLOCK_PATRON),
        able and offline_mode(branch),
        min(max(sip2.timeout_seconds * 10, 1), 998),
        sip2.retries_allowed,
        stamp,
        "1.00" if spoken(request).version_1 else "2.00",
        institution.code,
        sip2.library_name or branch.name,
        supported(branch),
        sip2.terminal_location or branch.code,
    )


def closed_status(institution_code: str, stamp: str, request: ScStatus) -> AcsStatus:
    """The 98 before login: the kiosk's watchdog gets its answer, with every flag N (sip2.md 5)."""
    version = "1.00" if spoken(request).version_1 else "2.00"
    return AcsStatus(
        False,
        False,
        False,
        False,
        False,
        False,
        300,
        3,
        stamp,
        version,
        institution_code,
        supported_messages="N" * 6 + "Y" + "N" * 9,
    )
