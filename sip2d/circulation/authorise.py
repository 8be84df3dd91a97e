"""May this terminal send this message here? From memory, before anything is looked up (CN-5, SP-20 gates)."""

from typing import Final

from sip2d.policy.decision import Action, Reason
from sip2d.store.library import Branch
from sip2d.vocabulary import MessageKey
from sip2d.wire.messages import Checkin, Checkout, Renew, Request


def gate(code: str) -> Reason:
    """A reason that comes from a gate and not from policy: no mode and no role passes it."""
    return Reason(code=code, denies=Action.NONE, scenario=code)


MESSAGE_NOT_SUPPORTED: Final = gate("MESSAGE_NOT_SUPPORTED")
LOGIN_REQUIRED: Final = gate("LOGIN_REQUIRED")
BRANCH_NOT_CONFIGURED: Final = gate("BRANCH_NOT_CONFIGURED")
OFFLINE_DISABLED: Final = gate("OFFLINE_DISABLED")
PATRON_BAD_PIN: Final = gate("PATRON_BAD_PIN")
PATRON_UNKNOWN: Final = gate("PATRON_UNKNOWN")
ITEM_UNKNOWN: Final = gate("ITEM_UNKNOWN")
INSTITUTION_UNKNOWN: Final = gate("INSTITUTION_UNKNOWN")
NB_DUE_DATE_INVALID: Final = gate("NB_DUE_DATE_INVALID")
SYSTEM_ERROR: Final = gate("SYSTEM_ERROR")


# An enum member's name is a property, 0.3 us each time, and every exchange asks four times.
_NAME: Final = {key: key.name for key in MessageKey}
_NAME_BY_CODE: Final = {key.code: key.name for key in MessageKey}


def support(branch: Branch, key: MessageKey) -> str:
    """The level of one message at this branch: DISABLED, ENABLED or ENABLED_NO_AUTH (CN-5)."""
    return branch.sip2.support.get(_NAME[key], "DISABLED")


def needs_pin(branch: Branch, code: str) -> bool:
    """Whether a message that names a patron must carry his right PIN here: ``ENABLED`` means so (CN-5,
    D-2)."""
    return branch.sip2.support.get(_NAME_BY_CODE[code]) == "ENABLED"


def authorise(branch: Branch, institution_code: str, request: Request) -> Reason | None:
    """The gate this request fails, or None.

    A no-block return passes where off-line mode is off: it is then an ordinary return (SP-20, D-4).
    """
    if not branch.sip2.configured:
        return BRANCH_NOT_CONFIGURED
    if branch.sip2.support.get(_NAME_BY_CODE[request.code], "DISABLED") == "DISABLED":
        return MESSAGE_NOT_SUPPORTED
    stored = getattr(request, "no_block", False)  # looked at first: isinstance of a struct takes 0.1 us
    if stored and not isinstance(request, Checkin) and not offline_mode(branch):
        return OFFLINE_DISABLED
    asked = getattr(request, "institution_id", "")
    if branch.sip2.enforce_institution and asked.strip() not in ("", institution_code):
        return INSTITUTION_UNKNOWN
    return None


def offline_mode(branch: Branch) -> bool:
    """Whether transactions done off-line are taken here (SP-20)."""
    return support(branch, MessageKey.OFFLINE_MODE) != "DISABLED"


def renews(branch: Branch) -> bool:
    """The ACS's renewal policy of 98: whether loans are renewed here (CN-5)."""
    return support(branch, MessageKey.RENEW) != "DISABLED"


def is_no_block(branch: Branch, request: Checkout | Checkin | Renew) -> bool:
    """Whether policy is set aside for this request."""
    return request.no_block and offline_mode(branch)
