"""The refusal each message has of its own: never silence, never the answer of another message (CN-5, sip2.md
9)."""

from collections.abc import Callable
from typing import Final

from sip2d.circulation.patron import DENIED_STATUS, NO_COUNTS
from sip2d.wire import messages as m

Build = Callable[[m.Request, str, str, tuple[str, ...]], m.Response]


def _text(request: m.Request, name: str) -> str:
    return getattr(request, name, None) or ""


def _status(request: m.Request, institution: str, stamp: str, said: tuple[str, ...]) -> m.Response:
    language = _text(request, "language") or "000"
    return m.PatronStatusResponse(
        DENIED_STATUS,
        language,
        stamp,
        institution,
        _text(request, "patron_id"),
        valid_patron=False,
        screen_messages=said,
    )


def _loan(kind: type[m.CheckoutResponse]) -> Build:
    def build(request: m.Request, institution: str, stamp: str, said: tuple[str, ...]) -> m.Response:
        return kind(
            False,
            False,
            "U",
            "N",
            stamp,
            institution,
            _text(request, "patron_id"),
            _text(request, "item_id"),
            screen_messages=said,
        )

    return build


# By request code: (request, institution, stamp, screen lines) -> the message's own "no".
REFUSALS: Final[dict[str, Build]] = {
    "23": _status,
    "01": _status,
    "11": _loan(m.CheckoutResponse),
    "29": _loan(m.RenewResponse),
    "09": lambda request, institution, stamp, said: m.CheckinResponse(
        False, False, "U", False, stamp, institution, _text(request, "item_id"), screen_messages=said
    ),
    "63": lambda request, institution, stamp, said: m.PatronInformationResponse(
        DENIED_STATUS,
        _text(request, "language"),
        stamp,
        *NO_COUNTS,
        institution,
        _text(request, "patron_id"),
        valid_patron=False,
        screen_messages=said,
    ),
    "35": lambda request, institution, stamp, said: m.EndSessionResponse(
        False, stamp, institution, _text(request, "patron_id"), screen_messages=said
    ),
    "37": lambda request, institution, stamp, said: m.FeePaidResponse(
        False,
        stamp,
        institution,
        _text(request, "patron_id"),
        _text(request, "transaction_id") or None,
        screen_messages=said,
    ),
    "17": lambda request, _institution, stamp, said: m.ItemInformationResponse(
        "01", "00", "01", stamp, item_id=_text(request, "item_id"), screen_messages=said
    ),
    "19": lambda request, _institution, stamp, said: m.ItemStatusUpdateResponse(
        False, stamp, _text(request, "item_id"), screen_messages=said
    ),
    "25": lambda request, institution, stamp, said: m.PatronEnableResponse(
        DENIED_STATUS,
        "000",
        stamp,
        institution,
        _text(request, "patron_id"),
        valid_patron=False,
        screen_messages=said,
    ),
    "15": lambda request, institution, stamp, said: m.HoldResponse(
        False,
        False,
        stamp,
        institution_id=institution,
        patron_id=_text(request, "patron_id"),
        screen_messages=said,
    ),
    "65": lambda _request, institution, stamp, said: m.RenewAllResponse(
        False, 0, 0, stamp, institution, screen_messages=said
    ),
    "93": lambda _request, _institution, _stamp, _said: m.LoginResponse(False),
}


def refusal(request: m.Request, institution_code: str, stamp: str, said: tuple[str, ...]) -> m.Response:
    """The "no" of this request, its AO echoed as it was asked."""
    return REFUSALS[request.code](request, _text(request, "institution_id") or institution_code, stamp, said)
