"""The trailer of a frame as a connection takes it (sip2.md 4.3): whether what it covers is to be served."""

from sip2d.session.limits import Counters, Limits
from sip2d.wire.frame import split_trailer, verify

Unsealed = tuple[bytes, bytes | None, bool]
"""The body, AY as it came (``None`` without), and whether there was AZ."""


def unseal(frame: bytes, limits: Limits, counters: Counters) -> Unsealed | None:
    """Of a frame that is not simply ``sound``. ``None``: damaged, or without the trailer it must have;
    counted, and to be asked for again."""
    body, trailer = split_trailer(frame, limits.delimiter)
    if trailer is None:
        if not limits.error_detection_required:
            return body, None, False
        counters.missing_trailers += 1
        return None
    if not verify(trailer, limits.code_point_sums, limits.charset):
        counters.bad_checksums += 1
        if not limits.ignore_checksums:
            return None
    return body, trailer.sequence, True
