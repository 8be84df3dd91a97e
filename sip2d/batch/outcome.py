"""What came of an attempt: the answer 30 in the words of a batch (BR-3, BR-8, BR-10, BR-42).

A server says why it refused only in the text for the screen. The texts that sip2d ships are known here in
every language, so their scenario is the code; a text that is not known has the code ``REFUSED``.
"""

import functools
import re
import tomllib
from typing import Final

import msgspec

from sip2d import packaged
from sip2d.batch.sheet import Row
from sip2d.vocabulary import SKIPPED_RENEWALS
from sip2d.wire.messages import RenewResponse, Response

RENEWED: Final = "RENEWED"
SKIPPED: Final = "SKIPPED"
FAILED: Final = "FAILED"

NO_RESPONSE: Final = "NO_RESPONSE"
UNEXPECTED: Final = "UNEXPECTED"
UNKNOWN: Final = "UNKNOWN"
REFUSED: Final = "REFUSED"
BAD_PIN: Final = "PATRON_BAD_PIN"
SYSTEM_ERROR: Final = "SYSTEM_ERROR"

SKIPS: Final = SKIPPED_RENEWALS
GATES: Final = frozenset(
    {"PATRON_BAD_PIN", "OFFLINE_DISABLED", "MESSAGE_NOT_SUPPORTED", "LOGIN_REQUIRED", "BRANCH_NOT_CONFIGURED"}
)
"""Every row would be refused so: the branch is not set up for bulk renewals (BR-17)."""

_OTHERS: Final = frozenset(
    {
        "PATRON_UNKNOWN", "ITEM_UNKNOWN", "ITEM_WITHDRAWN", "NB_DUE_DATE_INVALID", "NO_RULE", SYSTEM_ERROR,
        "ITEM_HELD", "RENEW_LIMIT", "RENEW_TOO_SOON", "PATRON_EXPIRED", "CARD_LOST",
    }
)  # fmt: skip
_BRACED: Final = re.compile(r"\\\{[a-z_]+\\\}")


class Attempt(msgspec.Struct, frozen=True):
    """One attempt. ``at`` epoch seconds; ``outcome`` is empty while nobody knows it; ``message`` AF,
    ``returned`` AH, ``fee`` BV as the server wrote them.
    """

    row: Row
    at: int
    outcome: str = ""
    code: str = ""
    message: str = ""
    returned: str = ""
    fee: str = ""


def of_answer(row: Row, at: int, response: Response | None) -> Attempt:
    """The attempt that an answer settles."""
    if not isinstance(response, RenewResponse):
        told = "an unknown message" if response is None else response.caption
        return Attempt(row, at, FAILED, UNEXPECTED, f"The answer was {told}.")
    said = " ".join(" ".join(response.screen_messages).split())
    due, fee = response.due_date.strip(), response.fee_amount or ""
    if response.ok:
        return Attempt(row, at, RENEWED, "OK", said, due, fee)
    code = scenario(response)
    return Attempt(row, at, SKIPPED if code in SKIPS else FAILED, code, said, due, fee)


def scenario(response: RenewResponse) -> str:
    """Why a 30 refuses, as a scenario of SP-9; ``REFUSED`` where nothing tells."""
    said = [" ".join(text.split()) for text in response.screen_messages]
    for text in (" ".join(said), *said):
        for pattern, name in _texts():
            if pattern.fullmatch(text):
                return name
    if response.valid_patron is False:
        return "PATRON_UNKNOWN"
    return BAD_PIN if response.valid_patron_password is False else REFUSED


@functools.cache
def _texts() -> tuple[tuple[re.Pattern[str], str], ...]:
    """Every shipped text that a 30 may carry, as a pattern, with its scenario."""
    wanted = SKIPS | GATES | _OTHERS
    found: list[tuple[re.Pattern[str], str]] = []
    for path in sorted(packaged.config("messages").glob("*.toml")):
        for name, text in tomllib.loads(path.read_text("utf-8")).items():
            if name in wanted and isinstance(text, str) and text:
                found.append((re.compile(_BRACED.sub(".*", re.escape(text))), name))
    return tuple(found)
