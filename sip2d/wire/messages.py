"""The messages of SIP2 2.00, one class each; reading order is wire order (sip2.md 1).

The class is the schema: the codec, the printed reference, the hypothesis strategies, the simulator, redaction
and the BX bits are all derived from it. A field with a default of ``""`` or ``()`` must be on the wire (an
empty list still sends nothing); one that may be ``None`` is left out when it is. Requests default every
identified field, because a client that leaves a required one out still gets the proper refusal of its own
message (quirks E1-E3), never silence.
"""

from typing import Any, ClassVar

import msgspec

from sip2d.wire import fields as f


class Message(msgspec.Struct, frozen=True, gc=False):
    """What one frame says. ``extras`` holds identified fields this message does not declare, in the order
    they came.

    Its ``repr`` never shows a secret, so that a message in a log or a traceback gives none away.
    """

    code: ClassVar[str] = ""
    caption: ClassVar[str] = ""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        from sip2d.wire import redact  # it reads the classes below

        return list(redact.without_secrets(self).items())


class Request(Message, frozen=True, gc=False):
    """From the SC. ``bit`` is its place in BX (SP-4), ``answer`` the class of its response."""

    bit: ClassVar[int] = -1
    answer: ClassVar[type[Message] | None] = None


class Response(Message, frozen=True, gc=False):
    """From the ACS."""


# -- responses -----------------------------------------------------------------------------------------------


class PatronStatusResponse(Response, frozen=True, gc=False):
    """Patron status: the answer to 23 and to 01."""

    code: ClassVar[str] = "24"
    caption: ClassVar[str] = "Patron Status Response"

    patron_status: f.PatronStatus
    language: f.Language
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    personal_name: f.PersonalName = ""
    valid_patron: f.ValidPatron | None = None
    valid_patron_password: f.ValidPatronPassword | None = None
    currency: f.Currency | None = None
    fee_amount: f.FeeAmount | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class CheckoutResponse(Response, frozen=True, gc=False):
    """Whether the item is now on loan, and until when."""

    code: ClassVar[str] = "12"
    caption: ClassVar[str] = "Checkout Response"

    ok: f.Ok
    renewal_ok: f.YesNo
    magnetic_media: f.MediaFlag
    desensitize: f.MediaFlag
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    item_id: f.ItemId = ""
    title_id: f.TitleId = ""
    due_date: f.DueDate = ""
    fee_type: f.FeeTypeField | None = None
    security_inhibit: f.SecurityInhibit | None = None
    currency: f.Currency | None = None
    fee_amount: f.FeeAmount | None = None
    media_type: f.MediaTypeField | None = None
    item_properties: f.ItemProperties | None = None
    transaction_id: f.TransactionId | None = None
    valid_patron: f.ValidPatron | None = None
    valid_patron_password: f.ValidPatronPassword | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class CheckinResponse(Response, frozen=True, gc=False):
    """Whether the item was taken back, and where it goes."""

    code: ClassVar[str] = "10"
    caption: ClassVar[str] = "Checkin Response"

    ok: f.Ok
    resensitize: f.YesNo
    magnetic_media: f.MediaFlag
    alert: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    item_id: f.ItemId = ""
    permanent_location: f.PermanentLocation = ""
    title_id: f.TitleId | None = None
    sort_bin: f.SortBin | None = None
    patron_id: f.PatronId | None = None
    media_type: f.MediaTypeField | None = None
    item_properties: f.ItemProperties | None = None
    collection_code: f.CollectionCode | None = None
    call_number: f.CallNumber | None = None
    destination: f.Destination | None = None
    alert_type: f.AlertType | None = None
    hold_patron_id: f.HoldPatronId | None = None
    hold_patron_name: f.HoldPatronName | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class AcsStatus(Response, frozen=True, gc=False):
    """What this server can do for this terminal (SP-3)."""

    code: ClassVar[str] = "98"
    caption: ClassVar[str] = "ACS Status"

    online: f.YesNo
    checkin_ok: f.YesNo
    checkout_ok: f.YesNo
    renewal_policy: f.YesNo
    status_update_ok: f.YesNo
    offline_ok: f.YesNo
    timeout_period: f.ThreeDigits
    retries_allowed: f.ThreeDigits
    date_time_sync: f.Timestamp
    protocol_version: f.Version
    institution_id: f.InstitutionId = ""
    library_name: f.LibraryName | None = None
    supported_messages: f.SupportedMessages | None = None
    terminal_location: f.TerminalLocation | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class RequestScResend(Response, frozen=True, gc=False):
    """The last frame was damaged: send it again."""

    code: ClassVar[str] = "96"
    caption: ClassVar[str] = "Request SC Resend"


class LoginResponse(Response, frozen=True, gc=False):
    """Whether the login was accepted; no identified fields (quirks C9)."""

    code: ClassVar[str] = "94"
    caption: ClassVar[str] = "Login Response"

    ok: f.Ok
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class PatronInformationResponse(Response, frozen=True, gc=False):
    """Standing, counts, amounts and one list of a patron."""

    code: ClassVar[str] = "64"
    caption: ClassVar[str] = "Patron Information Response"

    patron_status: f.PatronStatus
    language: f.Language
    transaction_date: f.Timestamp
    hold_items_count: f.Count
    overdue_items_count: f.Count
    charged_items_count: f.Count
    fine_items_count: f.Count
    recall_items_count: f.Count
    unavailable_holds_count: f.Count
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    personal_name: f.PersonalName = ""
    hold_items_limit: f.HoldItemsLimit | None = None
    overdue_items_limit: f.OverdueItemsLimit | None = None
    charged_items_limit: f.ChargedItemsLimit | None = None
    valid_patron: f.ValidPatron | None = None
    valid_patron_password: f.ValidPatronPassword | None = None
    currency: f.Currency | None = None
    fee_amount: f.FeeAmount | None = None
    fee_limit: f.FeeLimit | None = None
    hold_items: f.HoldItems = ()
    overdue_items: f.OverdueItems = ()
    charged_items: f.ChargedItems = ()
    fine_items: f.FineItems = ()
    recall_items: f.RecallItems = ()
    unavailable_hold_items: f.UnavailableHoldItems = ()
    home_address: f.HomeAddress | None = None
    email: f.Email | None = None
    home_phone: f.HomePhone | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class EndSessionResponse(Response, frozen=True, gc=False):
    """The patron's session is over."""

    code: ClassVar[str] = "36"
    caption: ClassVar[str] = "End Session Response"

    end_session: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class FeePaidResponse(Response, frozen=True, gc=False):
    """Whether the payment was recorded."""

    code: ClassVar[str] = "38"
    caption: ClassVar[str] = "Fee Paid Response"

    payment_accepted: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    transaction_id: f.TransactionId | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class ItemInformationResponse(Response, frozen=True, gc=False):
    """What is known of an item. No AO, no AA."""

    code: ClassVar[str] = "18"
    caption: ClassVar[str] = "Item Information Response"

    circulation_status: f.Code2
    security_marker: f.Code2
    fee_type: f.Code2
    transaction_date: f.Timestamp
    hold_queue_length: f.HoldQueueLength | None = None
    due_date: f.DueDate | None = None
    recall_date: f.RecallDate | None = None
    hold_pickup_date: f.HoldPickupDate | None = None
    item_id: f.ItemId = ""
    title_id: f.TitleId = ""
    owner: f.Owner | None = None
    currency: f.Currency | None = None
    fee_amount: f.FeeAmount | None = None
    media_type: f.MediaTypeField | None = None
    permanent_location: f.PermanentLocation | None = None
    current_location: f.CurrentLocation | None = None
    item_properties: f.ItemProperties | None = None
    collection_code: f.CollectionCode | None = None
    call_number: f.CallNumber | None = None
    destination: f.Destination | None = None
    hold_patron_id: f.HoldPatronId | None = None
    hold_patron_name: f.HoldPatronName | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class ItemStatusUpdateResponse(Response, frozen=True, gc=False):
    """Whether the item's properties were stored. No AO."""

    code: ClassVar[str] = "20"
    caption: ClassVar[str] = "Item Status Update Response"

    item_properties_ok: f.Ok
    transaction_date: f.Timestamp
    item_id: f.ItemId = ""
    title_id: f.TitleId | None = None
    item_properties: f.ItemProperties | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class PatronEnableResponse(Response, frozen=True, gc=False):
    """The patron's standing after an enable."""

    code: ClassVar[str] = "26"
    caption: ClassVar[str] = "Patron Enable Response"

    patron_status: f.PatronStatus
    language: f.Language
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    personal_name: f.PersonalName = ""
    valid_patron: f.ValidPatron | None = None
    valid_patron_password: f.ValidPatronPassword | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class HoldResponse(Response, frozen=True, gc=False):
    """Whether the hold was placed, changed or cancelled."""

    code: ClassVar[str] = "16"
    caption: ClassVar[str] = "Hold Response"

    ok: f.Ok
    available: f.YesNo
    transaction_date: f.Timestamp
    expiration_date: f.ExpirationDate | None = None
    queue_position: f.QueuePosition | None = None
    pickup_location: f.PickupLocation | None = None
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    item_id: f.ItemId | None = None
    title_id: f.TitleId | None = None
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


class RenewResponse(CheckoutResponse, frozen=True, gc=False):
    """Whether the loan was renewed, and until when. The fields of 12."""

    code: ClassVar[str] = "30"
    caption: ClassVar[str] = "Renew Response"


class RenewAllResponse(Response, frozen=True, gc=False):
    """How many loans were renewed, and which. No AA."""

    code: ClassVar[str] = "66"
    caption: ClassVar[str] = "Renew All Response"

    ok: f.Ok
    renewed_count: f.Count
    unrenewed_count: f.Count
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    renewed_items: f.RenewedItems = ()
    unrenewed_items: f.UnrenewedItems = ()
    extras: tuple[f.Extra, ...] = ()
    screen_messages: f.ScreenMessages = ()
    print_lines: f.PrintLines = ()


# -- requests ------------------------------------------------------------------------------------------------


class PatronStatusRequest(Request, frozen=True, gc=False):
    """Is this card known, and may its holder borrow?"""

    code: ClassVar[str] = "23"
    caption: ClassVar[str] = "Patron Status Request"
    bit: ClassVar[int] = 0
    answer: ClassVar[type[Message] | None] = PatronStatusResponse

    language: f.Language
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    terminal_password: f.TerminalPassword = ""
    patron_password: f.PatronPassword | None = None
    extras: tuple[f.Extra, ...] = ()


class Checkout(Request, frozen=True, gc=False):
    """Lend an item to a patron, or (BI) undo a return just made."""

    code: ClassVar[str] = "11"
    caption: ClassVar[str] = "Checkout"
    bit: ClassVar[int] = 1
    answer: ClassVar[type[Message] | None] = CheckoutResponse

    sc_renewal_policy: f.YesNo
    no_block: f.YesNo
    transaction_date: f.Timestamp
    nb_due_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    item_id: f.ItemId = ""
    terminal_password: f.TerminalPassword = ""
    item_properties: f.ItemProperties | None = None
    patron_password: f.PatronPassword | None = None
    fee_acknowledged: f.FeeAcknowledged | None = None
    cancel: f.Cancel | None = None
    extras: tuple[f.Extra, ...] = ()


class Checkin(Request, frozen=True, gc=False):
    """Take an item back, or (BI) undo a loan just made."""

    code: ClassVar[str] = "09"
    caption: ClassVar[str] = "Checkin"
    bit: ClassVar[int] = 2
    answer: ClassVar[type[Message] | None] = CheckinResponse

    no_block: f.YesNo
    transaction_date: f.Timestamp
    return_date: f.Timestamp
    current_location: f.CurrentLocation = ""
    institution_id: f.InstitutionId = ""
    item_id: f.ItemId = ""
    terminal_password: f.TerminalPassword = ""
    item_properties: f.ItemProperties | None = None
    cancel: f.Cancel | None = None
    extras: tuple[f.Extra, ...] = ()


class BlockPatron(Request, frozen=True, gc=False):
    """Block a card. Answered by 24, never by 02."""

    code: ClassVar[str] = "01"
    caption: ClassVar[str] = "Block Patron"
    bit: ClassVar[int] = 3
    answer: ClassVar[type[Message] | None] = PatronStatusResponse

    card_retained: f.YesNo
    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    blocked_card_message: f.BlockedCardMessage = ""
    patron_id: f.PatronId = ""
    terminal_password: f.TerminalPassword = ""
    extras: tuple[f.Extra, ...] = ()


class ScStatus(Request, frozen=True, gc=False):
    """The SC's state; asks for the ACS's. Also the keep-alive."""

    code: ClassVar[str] = "99"
    caption: ClassVar[str] = "SC Status"
    bit: ClassVar[int] = 4
    answer: ClassVar[type[Message] | None] = AcsStatus

    status_code: f.Code1
    max_print_width: f.ThreeDigits
    protocol_version: f.Version
    extras: tuple[f.Extra, ...] = ()


class RequestAcsResend(Request, frozen=True, gc=False):
    """The last answer was damaged: send it again."""

    code: ClassVar[str] = "97"
    caption: ClassVar[str] = "Request ACS Resend"
    bit: ClassVar[int] = 5
    answer: ClassVar[type[Message] | None] = RequestScResend


class Login(Request, frozen=True, gc=False):
    """A terminal says who it is (CN-8)."""

    code: ClassVar[str] = "93"
    caption: ClassVar[str] = "Login"
    bit: ClassVar[int] = 6
    answer: ClassVar[type[Message] | None] = LoginResponse

    uid_algorithm: f.Code1
    pwd_algorithm: f.Code1
    login_user: f.LoginUser = ""
    login_password: f.LoginPassword = ""
    location_code: f.LocationCode | None = None
    extras: tuple[f.Extra, ...] = ()


class PatronInformation(Request, frozen=True, gc=False):
    """Everything a kiosk shows of a patron, and one list."""

    code: ClassVar[str] = "63"
    caption: ClassVar[str] = "Patron Information"
    bit: ClassVar[int] = 7
    answer: ClassVar[type[Message] | None] = PatronInformationResponse

    language: f.Language
    transaction_date: f.Timestamp
    summary: f.Summary
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    terminal_password: f.TerminalPassword | None = None
    patron_password: f.PatronPassword | None = None
    start_item: f.StartItem | None = None
    end_item: f.EndItem | None = None
    extras: tuple[f.Extra, ...] = ()


class EndPatronSession(Request, frozen=True, gc=False):
    """The patron has left the kiosk."""

    code: ClassVar[str] = "35"
    caption: ClassVar[str] = "End Patron Session"
    bit: ClassVar[int] = 8
    answer: ClassVar[type[Message] | None] = EndSessionResponse

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    terminal_password: f.TerminalPassword | None = None
    patron_password: f.PatronPassword | None = None
    extras: tuple[f.Extra, ...] = ()


class FeePaid(Request, frozen=True, gc=False):
    """Money was taken at the kiosk. The currency is in the fixed block."""

    code: ClassVar[str] = "37"
    caption: ClassVar[str] = "Fee Paid"
    bit: ClassVar[int] = 9
    answer: ClassVar[type[Message] | None] = FeePaidResponse

    transaction_date: f.Timestamp
    fee_type: f.Code2
    payment_type: f.Code2
    currency: f.CurrencyCode
    fee_amount: f.FeeAmount = ""
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    terminal_password: f.TerminalPassword | None = None
    patron_password: f.PatronPassword | None = None
    fee_identifier: f.FeeIdentifier | None = None
    transaction_id: f.TransactionId | None = None
    extras: tuple[f.Extra, ...] = ()


class ItemInformation(Request, frozen=True, gc=False):
    """What is this item, and where?"""

    code: ClassVar[str] = "17"
    caption: ClassVar[str] = "Item Information"
    bit: ClassVar[int] = 10
    answer: ClassVar[type[Message] | None] = ItemInformationResponse

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    item_id: f.ItemId = ""
    terminal_password: f.TerminalPassword | None = None
    extras: tuple[f.Extra, ...] = ()


class ItemStatusUpdate(Request, frozen=True, gc=False):
    """Store text with an item."""

    code: ClassVar[str] = "19"
    caption: ClassVar[str] = "Item Status Update"
    bit: ClassVar[int] = 11
    answer: ClassVar[type[Message] | None] = ItemStatusUpdateResponse

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    item_id: f.ItemId = ""
    terminal_password: f.TerminalPassword | None = None
    item_properties: f.ItemProperties = ""
    extras: tuple[f.Extra, ...] = ()


class PatronEnable(Request, frozen=True, gc=False):
    """Lift the block that 01 made (CO-32)."""

    code: ClassVar[str] = "25"
    caption: ClassVar[str] = "Patron Enable"
    bit: ClassVar[int] = 12
    answer: ClassVar[type[Message] | None] = PatronEnableResponse

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    terminal_password: f.TerminalPassword | None = None
    patron_password: f.PatronPassword | None = None
    extras: tuple[f.Extra, ...] = ()


class Hold(Request, frozen=True, gc=False):
    """Place, change or cancel a hold."""

    code: ClassVar[str] = "15"
    caption: ClassVar[str] = "Hold"
    bit: ClassVar[int] = 13
    answer: ClassVar[type[Message] | None] = HoldResponse

    hold_mode: f.Code1
    transaction_date: f.Timestamp
    expiration_date: f.ExpirationDate | None = None
    pickup_location: f.PickupLocation | None = None
    hold_type: f.HoldTypeField | None = None
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    patron_password: f.PatronPassword | None = None
    item_id: f.ItemId | None = None
    title_id: f.TitleId | None = None
    terminal_password: f.TerminalPassword | None = None
    fee_acknowledged: f.FeeAcknowledged | None = None
    extras: tuple[f.Extra, ...] = ()


class Renew(Request, frozen=True, gc=False):
    """Renew one loan."""

    code: ClassVar[str] = "29"
    caption: ClassVar[str] = "Renew"
    bit: ClassVar[int] = 14
    answer: ClassVar[type[Message] | None] = RenewResponse

    third_party_allowed: f.YesNo
    no_block: f.YesNo
    transaction_date: f.Timestamp
    nb_due_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    patron_password: f.PatronPassword | None = None
    item_id: f.ItemId | None = None
    title_id: f.TitleId | None = None
    terminal_password: f.TerminalPassword | None = None
    item_properties: f.ItemProperties | None = None
    fee_acknowledged: f.FeeAcknowledged | None = None
    extras: tuple[f.Extra, ...] = ()


class RenewAll(Request, frozen=True, gc=False):
    """Renew every loan of a patron that may be renewed."""

    code: ClassVar[str] = "65"
    caption: ClassVar[str] = "Renew All"
    bit: ClassVar[int] = 15
    answer: ClassVar[type[Message] | None] = RenewAllResponse

    transaction_date: f.Timestamp
    institution_id: f.InstitutionId = ""
    patron_id: f.PatronId = ""
    patron_password: f.PatronPassword | None = None
    terminal_password: f.TerminalPassword | None = None
    fee_acknowledged: f.FeeAcknowledged | None = None
    extras: tuple[f.Extra, ...] = ()


REQUESTS: tuple[type[Request], ...] = (
    PatronStatusRequest, Checkout, Checkin, BlockPatron, ScStatus, RequestAcsResend, Login, PatronInformation,
    EndPatronSession, FeePaid, ItemInformation, ItemStatusUpdate, PatronEnable, Hold, Renew, RenewAll,
)  # fmt: skip
RESPONSES: tuple[type[Response], ...] = (
    PatronStatusResponse, CheckoutResponse, CheckinResponse, AcsStatus, RequestScResend, LoginResponse,
    PatronInformationResponse, EndSessionResponse, FeePaidResponse, ItemInformationResponse,
    ItemStatusUpdateResponse, PatronEnableResponse, HoldResponse, RenewResponse, RenewAllResponse,
)  # fmt: skip
REQUEST_BY_CODE: dict[str, type[Request]] = {message.code: message for message in REQUESTS}
RESPONSE_BY_CODE: dict[str, type[Response]] = {message.code: message for message in RESPONSES}
