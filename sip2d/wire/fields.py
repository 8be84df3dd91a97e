"""The field vocabulary: one line a field. Everything that knows a field knows it from here (sip2.md 2.1).

A field is an ``Annotated`` type: the Python type of its value, and either ``Fixed`` (a place in the fixed
block) or ``Variable`` (a two-letter id). Which messages carry it, and in which order, stands in
``messages.py``.
"""

from typing import Annotated, Final

import msgspec


class Fixed(msgspec.Struct, frozen=True):
    """A place in a message's fixed block.

    ``width`` is in characters; ``form`` names how the value is written (see ``kinds.FORMS``): ``yes_no``,
    ``one_zero``, ``count``, ``text`` or ``timestamp``.
    """

    width: int
    form: str
    caption: str


class Variable(msgspec.Struct, frozen=True):
    """An identified field: ``XXvalue|``.

    ``form`` as in ``Fixed``, or ``lines`` for one that may be repeated; ``width`` 0 means variable (up to 255
    characters); ``secret`` values are masked everywhere but on the wire; ``personal`` ones are masked in logs
    by default.
    """

    id: str
    caption: str
    form: str = "text"
    width: int = 0
    secret: bool = False
    personal: bool = False
    extension: bool = False


# -- fixed places (sip2.md 2.2) ------------------------------------------------------------------------------
YesNo = Annotated[bool, Fixed(1, "yes_no", "Y or N; blank is N")]
Ok = Annotated[bool, Fixed(1, "one_zero", "1 done, 0 not done")]
Timestamp = Annotated[str, Fixed(18, "timestamp", "YYYYMMDDZZZZHHMMSS")]
Language = Annotated[str, Fixed(3, "text", "language code, 000 unknown (sip2.md 2.6)")]
PatronStatus = Annotated[str, Fixed(14, "text", "14 flags, Y or blank (sip2.md 2.4)")]
Summary = Annotated[str, Fixed(10, "text", "which list is asked for (sip2.md 2.5)")]
Count = Annotated[int | None, Fixed(4, "count", "0000-9999; four blanks: unknown")]
ThreeDigits = Annotated[int | None, Fixed(3, "count", "000-999")]
MediaFlag = Annotated[str, Fixed(1, "text", "Y, N or U")]
Code1 = Annotated[str, Fixed(1, "text", "one character")]
Code2 = Annotated[str, Fixed(2, "text", "two digits")]
CurrencyCode = Annotated[str, Fixed(3, "text", "ISO 4217 letters")]
Version = Annotated[str, Fixed(4, "text", "x.xx")]

# -- identified fields (sip2.md 2.1) -------------------------------------------------------------------------
PatronId = Annotated[str, Variable("AA", "patron identifier", personal=True)]
ItemId = Annotated[str, Variable("AB", "item identifier", personal=True)]
TerminalPassword = Annotated[str, Variable("AC", "terminal password", secret=True)]
PatronPassword = Annotated[str, Variable("AD", "patron password", secret=True)]
PersonalName = Annotated[str, Variable("AE", "personal name", personal=True)]
ScreenMessages = Annotated[tuple[str, ...], Variable("AF", "screen message", "lines")]
PrintLines = Annotated[tuple[str, ...], Variable("AG", "print line", "lines")]
DueDate = Annotated[str, Variable("AH", "due date")]
TitleId = Annotated[str, Variable("AJ", "title identifier")]
BlockedCardMessage = Annotated[str, Variable("AL", "blocked card message")]
LibraryName = Annotated[str, Variable("AM", "library name")]
TerminalLocation = Annotated[str, Variable("AN", "terminal location")]
InstitutionId = Annotated[str, Variable("AO", "institution id")]
CurrentLocation = Annotated[str, Variable("AP", "current location")]
PermanentLocation = Annotated[str, Variable("AQ", "permanent location")]
HoldItems = Annotated[tuple[str, ...], Variable("AS", "hold items", "lines")]
OverdueItems = Annotated[tuple[str, ...], Variable("AT", "overdue items", "lines")]
ChargedItems = Annotated[tuple[str, ...], Variable("AU", "charged items", "lines")]
FineItems = Annotated[tuple[str, ...], Variable("AV", "fine items", "lines")]
HomeAddress = Annotated[str, Variable("BD", "home address", personal=True)]
Email = Annotated[str, Variable("BE", "e-mail address", personal=True)]
HomePhone = Annotated[str, Variable("BF", "home phone number", personal=True)]
Owner = Annotated[str, Variable("BG", "owner")]
Currency = Annotated[str, Variable("BH", "currency type", width=3)]
Cancel = Annotated[bool, Variable("BI", "cancel", "yes_no", 1)]
TransactionId = Annotated[str, Variable("BK", "transaction id")]
ValidPatron = Annotated[bool, Variable("BL", "valid patron", "yes_no", 1)]
RenewedItems = Annotated[tuple[str, ...], Variable("BM", "renewed items", "lines")]
UnrenewedItems = Annotated[tuple[str, ...], Variable("BN", "unrenewed items", "lines")]
FeeAcknowledged = Annotated[bool, Variable("BO", "fee acknowledged", "yes_no", 1)]
StartItem = Annotated[str, Variable("BP", "start item")]
EndItem = Annotated[str, Variable("BQ", "end item")]
QueuePosition = Annotated[str, Variable("BR", "queue position")]
PickupLocation = Annotated[str, Variable("BS", "pickup location")]
FeeTypeField = Annotated[str, Variable("BT", "fee type", width=2)]
RecallItems = Annotated[tuple[str, ...], Variable("BU", "recall items", "lines")]
FeeAmount = Annotated[str, Variable("BV", "fee amount")]
ExpirationDate = Annotated[str, Variable("BW", "expiration date", width=18)]
SupportedMessages = Annotated[str, Variable("BX", "supported messages")]
HoldTypeField = Annotated[str, Variable("BY", "hold type", width=1)]
HoldItemsLimit = Annotated[int, Variable("BZ", "hold items limit", "count", 4)]
OverdueItemsLimit = Annotated[int, Variable("CA", "overdue items limit", "count", 4)]
ChargedItemsLimit = Annotated[int, Variable("CB", "charged items limit", "count", 4)]
FeeLimit = Annotated[str, Variable("CC", "fee limit")]
UnavailableHoldItems = Annotated[tuple[str, ...], Variable("CD", "unavailable hold items", "lines")]
HoldQueueLength = Annotated[str, Variable("CF", "hold queue length")]
FeeIdentifier = Annotated[str, Variable("CG", "fee identifier")]
ItemProperties = Annotated[str, Variable("CH", "item properties")]
SecurityInhibit = Annotated[bool, Variable("CI", "security inhibit", "yes_no", 1)]
RecallDate = Annotated[str, Variable("CJ", "recall date", width=18)]
MediaTypeField = Annotated[str, Variable("CK", "media type", width=3)]
SortBin = Annotated[str, Variable("CL", "sort bin")]
HoldPickupDate = Annotated[str, Variable("CM", "hold pickup date", width=18)]
LoginUser = Annotated[str, Variable("CN", "login user id")]
LoginPassword = Annotated[str, Variable("CO", "login password", secret=True)]
LocationCode = Annotated[str, Variable("CP", "location code")]
ValidPatronPassword = Annotated[bool, Variable("CQ", "valid patron password", "yes_no", 1)]

# -- extensions of 3M's sorters and of the field (sip2.md 7) -------------------------------------------------
CollectionCode = Annotated[str, Variable("CR", "collection code", extension=True)]
CallNumber = Annotated[str, Variable("CS", "call number", extension=True)]
Destination = Annotated[str, Variable("CT", "destination location", extension=True)]
AlertType = Annotated[str, Variable("CV", "alert type", extension=True)]
HoldPatronId = Annotated[str, Variable("CY", "hold patron id", personal=True, extension=True)]
HoldPatronName = Annotated[str, Variable("DA", "hold patron name", personal=True, extension=True)]

# Any other id on the wire: kept in the order it came, so that a client can show it and a profile can send it.
Extra = tuple[str, str]
NO_EXTRAS: Final[tuple[Extra, ...]] = ()
