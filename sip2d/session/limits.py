"""How patient a session is, and what it counts. The daemon fills these from the listener before login and
from the branch after it."""

from typing import Final

import msgspec

from sip2d.wire.frame import FRAME_CAP

WINDOW: Final = 64  # unanswered requests of one connection (house.md "Order")
LOOK_AT: Final = 256  # frames in one call, about half a millisecond (reliability.md G4)
SLICE: Final = 4096  # bytes framed at once: bounds the frames that wait as objects
# Raw bytes taken although the session is paused; TLS and kernel buffers are smaller.
HELD_MOST: Final = 1 << 20
BUSY_STEP: Final = 1.0  # seconds between looks at a connection that is owed an answer
LEAST_RETRY_WINDOW: Final = 60.0  # seconds (SP-21)


def retry_window(timeout_seconds: float, retries_allowed: int) -> float:
    """How long a repeat may come after its request: timeout x (retries + 1), at least 60 s (SP-21)."""
    return max(timeout_seconds * (retries_allowed + 1), LEAST_RETRY_WINDOW)


class Limits(msgspec.Struct, frozen=True, gc=False):
    """Bounds and habits of one connection; seconds and bytes. The defaults are those of an unknown peer
    (CN-4, issue 3.4).

    ``retries_allowed``: one bad frame (failed login) more than this in a row closes. ``resend``: whether 97
    is supported (CN-5 RESEND); if not it is answered 96. ``error_detection_required``: a frame without AZ is
    answered 96. ``code_point_sums``: take a checksum over code points of ``charset`` too (quirks B10).
    ``ignore_checksums``: a wrong one is counted, and served.
    ``delimiter`` is one byte.
    """

    retries_allowed: int = 3
    idle_timeout: float = 600.0
    login_timeout: float = 30.0
    frame_timeout: float = 10.0
    retry_window: float = LEAST_RETRY_WINDOW
    frame_cap: int = FRAME_CAP
    window: int = WINDOW
    resend: bool = True
    error_detection_required: bool = False
    code_point_sums: bool = True
    ignore_checksums: bool = False
    charset: str = "utf-8"
    delimiter: bytes = b"|"


class Counters(msgspec.Struct, gc=False):
    """What happened, for the metrics. Sessions may share one.

    ``frames``: everything cut from the stream; of those ``bad_checksums``, ``missing_trailers`` (only where
    required), ``unknown_codes``, ``resends_in`` (97) and ``repeats`` (a request sent again and not executed
    again). ``resends_out``: 96 answered.
    """

    frames: int = 0
    bad_checksums: int = 0
    missing_trailers: int = 0
    unknown_codes: int = 0
    resends_in: int = 0
    resends_out: int = 0
    repeats: int = 0
