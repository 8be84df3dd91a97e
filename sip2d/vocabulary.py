"""The standard's code sets as enums (sip2.md 2.3-2.8), and the few labels every room shares (CN-5, GN-8,
GN-11).

A member's value is what stands on the wire or in a column; its ``caption`` says it to a person.
"""

import enum
from typing import Final


class Code(enum.StrEnum):
    """A code with a caption: ``FeeType("04").caption``."""

    caption: str

    def __new__(cls, value: str, caption: str = "") -> "Code":
        member = str.__new__(cls, value)
        member._value_ = value
        member.caption = caption
        return member


class FeeType(Code):
    """BT, fee type of 37 and 18 (sip2.md 2.7); 10-99 are free and not listed."""

    OTHER = "01", "other or unknown"
    ADMINISTRATIVE = "02", "administrative"
    DAMAGE = "03", "damage"
    OVERDUE = "04", "overdue"
    PROCESSING = "05", "processing"
    RENTAL = "06", "rental"
    REPLACEMENT = "07", "replacement"
    COMPUTER_ACCESS = "08", "computer access"
    HOLD_FEE = "09", "hold fee"


class PaymentType(Code):
    """Payment type of 37 (sip2.md 2.7); 03-99 are free, 06 is commonly a write-off."""

    CASH = "00", "cash"
    VISA = "01", "VISA"
    CREDIT_CARD = "02", "credit card"
    WRITE_OFF = "06", "write-off"


class HoldType(Code):
    """BY (sip2.md 2.7, HO-1); absent means any copy of a title."""

    OTHER = "1", "other"
    ANY_COPY = "2", "any copy of a title"
    SPECIFIC_COPY = "3", "a specific copy"
    ANY_COPY_AT_BRANCH = "4", "any copy at one branch"


class HoldMode(Code):
    """What 15 asks for (HO-2, HO-3)."""

    ADD = "+", "place a hold"
    DELETE = "-", "cancel a hold"
    CHANGE = "*", "change a hold"


class CirculationStatus(Code):
    """Circulation status of 18 (sip2.md 2.8)."""

    OTHER = "01", "other"
    ON_ORDER = "02", "on order"
    AVAILABLE = "03", "available"
    CHARGED = "04", "on loan"
    CHARGED_NOT_RECALLABLE = "05", "on loan, not to be recalled until the earliest recall date"
    IN_PROCESS = "06", "in process"
    RECALLED = "07", "recalled"
    ON_HOLD_SHELF = "08", "waiting on the hold shelf"
    TO_BE_RESHELVED = "09", "waiting to be re-shelved"
    IN_TRANSIT = "10", "in transit between branches"
    CLAIMED_RETURNED = "11", "claimed returned"
    LOST = "12", "lost"
    MISSING = "13", "missing"


class MediaType(Code):
    """CK (sip2.md 2.7)."""

    OTHER = "000", "other"
    BOOK = "001", "book"
    MAGAZINE = "002", "magazine"
    BOUND_JOURNAL = "003", "bound journal"
    AUDIO_TAPE = "004", "audio tape"
    VIDEO_TAPE = "005", "video tape"
    CD = "006", "CD or CD-ROM"
    DISKETTE = "007", "diskette"
    BOOK_WITH_DISKETTE = "008", "book with diskette"
    BOOK_WITH_CD = "009", "book with CD"
    BOOK_WITH_AUDIO_TAPE = "010", "book with audio tape"


class SecurityMarker(Code):
    """Security marker of 18 (sip2.md 2.7)."""

    OTHER = "00", "other"
    NONE = "01", "none"
    TATTLE_TAPE = "02", "3M Tattle-Tape strip"
    WHISPER_TAPE = "03", "3M Whisper Tape"


class AlertType(Code):
    """CV of 10 (SP-11, sip2.md 7)."""

    UNKNOWN = "00", "unknown"
    HOLD_HERE = "01", "hold for this branch"
    HOLD_ELSEWHERE = "02", "hold for another branch"
    INTERLIBRARY_LOAN = "03", "hold for an interlibrary loan"
    TRANSIT = "04", "send to another branch"
    OTHER = "99", "other"


class PatronFlag(enum.IntEnum):
    """The 14 positions of the patron status (sip2.md 2.4); each is ``Y`` or a blank."""

    LOAN_DENIED = 0
    RENEWAL_DENIED = 1
    RECALL_DENIED = 2
    HOLD_DENIED = 3
    CARD_LOST = 4
    TOO_MANY_LOANS = 5
    TOO_MANY_OVERDUE = 6
    TOO_MANY_RENEWALS = 7
    TOO_MANY_CLAIMS = 8
    TOO_MANY_LOST = 9
    EXCESSIVE_FINES = 10
    EXCESSIVE_FEES = 11
    RECALL_OVERDUE = 12
    TOO_MANY_BILLED = 13


class Support(enum.StrEnum):
    """How far a branch supports a message (CN-5)."""

    DISABLED = "DISABLED"
    ENABLED = "ENABLED"
    ENABLED_NO_AUTH = "ENABLED_NO_AUTH"


class MessageKey(enum.Enum):
    """The messages a branch may support (CN-5).

    ``code`` is the request's code (empty for OFFLINE_MODE, which is no message), ``bit`` its place in BX
    (SP-4; None when it has none), ``authenticated`` whether ENABLED and ENABLED_NO_AUTH differ.
    """

    def __init__(self, code: str, bit: int | None, authenticated: bool) -> None:
        self.code: Final = code
        self.bit: Final = bit
        self.authenticated: Final = authenticated

    PATRON_STATUS = "23", 0, True
    CHECKOUT = "11", 1, True
    CHECKIN = "09", 2, False
    BLOCK_PATRON = "01", 3, True
    SC_STATUS = "99", 4, False
    RESEND = "97", 5, False
    LOGIN = "93", 6, False
    PATRON_INFO = "63", 7, True
    END_SESSION = "35", 8, True
    FEE_PAID = "37", 9, True
    ITEM_INFO = "17", 10, False
    ITEM_STATUS_UPDATE = "19", 11, False
    PATRON_ENABLE = "25", 12, True
    HOLD = "15", 13, True
    RENEW = "29", 14, True
    RENEW_ALL = "65", 15, True
    OFFLINE_MODE = "", None, False

    @property
    def levels(self) -> tuple[Support, ...]:
        """The support levels this key takes."""
        if self.authenticated:
            return tuple(Support)
        return (Support.DISABLED, Support.ENABLED)


class Interface(enum.StrEnum):
    """Where a transaction came from (GN-11)."""

    SIP2 = "SIP2"
    SIP2_OFFLINE = "SIP2_OFFLINE"
    BULK_RENEWAL = "BULK_RENEWAL"
    OFFLINE_FILE = "OFFLINE_FILE"
    STAFF = "STAFF"
    CRON = "CRON"
    API = "API"


BULK: Final = "bulk"
"""The purpose of a terminal that renews in bulk (CN-11)."""
BULK_USER: Final = "bulk-"
"""How the user names begin that the tool makes up (BR-31): they mark a terminal as well (BR-21)."""
SKIPPED_RENEWALS: Final = frozenset(
    {"ITEM_NOT_ON_LOAN", "ITEM_NOT_ON_LOAN_TO_PATRON", "ITEM_RECALLED", "ITEM_LOST"}
)
"""Why a row of a bulk renewal is skipped and has not failed: the loan is not there any more, or must not be
renewed (BR-3, BR-8, BR-10)."""


class StaffRole(enum.StrEnum):
    """Roles of staff (GN-8)."""

    CIRC_ADMIN = "CIRC_ADMIN"
    GENERAL_SYS_ADMIN = "GENERAL_SYS_ADMIN"
    FULFILMENT_ADMIN = "FULFILMENT_ADMIN"
    CIRC_DESK_MANAGER = "CIRC_DESK_MANAGER"
    CIRC_DESK_OPERATOR = "CIRC_DESK_OPERATOR"
    CIRC_DESK_OPERATOR_LIMITED = "CIRC_DESK_OPERATOR_LIMITED"
    STUDENT_WORKER = "STUDENT_WORKER"
    PATRON = "PATRON"
    SYSTEM = "SYSTEM"


LANGUAGES: Final[dict[str, str]] = {
    "000": "unknown",
    "001": "English",
    "002": "French",
    "003": "German",
    "004": "Italian",
    "005": "Dutch",
    "006": "Swedish",
    "007": "Finnish",
    "008": "Spanish",
    "009": "Danish",
    "010": "Portuguese",
    "011": "Canadian French",
    "012": "Norwegian",
    "013": "Hebrew",
    "014": "Japanese",
    "015": "Russian",
    "016": "Arabic",
    "017": "Polish",
    "018": "Greek",
    "019": "Chinese",
    "020": "Korean",
    "021": "North American Spanish",
    "022": "Tamil",
    "023": "Malay",
    "024": "United Kingdom English",
    "025": "Icelandic",
    "026": "Belgian",
    "027": "Taiwanese",
}
"""Language codes of the wire (sip2.md 2.6)."""
