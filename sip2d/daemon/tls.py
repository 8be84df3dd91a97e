"""TLS contexts of the listeners (CN-15): TLS 1.2 and newer, no renegotiation, client certificates where
asked for.

A reload builds a new context from the files and puts it in place of the old one when all is well; handshakes
done stay.
"""

import hashlib
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sip2d.config import TlsSettings
from sip2d.errors import ConfigurationError

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
_UTC_TIME: Final = 0x17


def build(settings: TlsSettings) -> ssl.SSLContext:
    """The context of a listener. Raises ConfigurationError in one sentence."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A client that renegotiates makes us do the dear part of the handshake as often as it likes
    # (reliability.md F10).
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    try:
        context.load_cert_chain(settings.cert, settings.key, password=_no_passphrase)
        if settings.client_ca is not None:
            context.load_verify_locations(cafile=settings.client_ca)
            required = settings.client_certificates == "required"
            context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
    except ssl.SSLError as error:
        why = (error.reason or "not PEM").replace("_", " ").lower()
        raise ConfigurationError(f"{settings.cert}: certificate or key cannot be used ({why}).") from None
    except (OSError, ValueError) as error:
        why = str(error.strerror if isinstance(error, OSError) else error)
        raise ConfigurationError(f"{settings.cert}: certificate or key cannot be read ({why}).") from None
    return context


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase, and nobody is there to type it")


def fingerprint(certificate: bytes | None) -> str | None:
    """SHA-256 of a peer's certificate in DER, as lower-case hex digits."""
    return hashlib.sha256(certificate).hexdigest() if certificate else None


def expiry(certificate: Path) -> float:
    """When the first certificate of a PEM file expires, epoch seconds. Raises ConfigurationError."""
    try:
        text = certificate.read_text(encoding="ascii", errors="replace")
        end = "-----END CERTIFICATE-----"
        start = text.index("-----BEGIN CERTIFICATE-----")
        pem = text[start : text.index(end, start) + len(end)]
        return _not_after(ssl.PEM_cert_to_DER_cert(pem)).timestamp()
    except (OSError, ValueError, IndexError):
        raise ConfigurationError(f"{certificate}: holds no certificate that can be read.") from None


def _not_after(der: bytes) -> datetime:
    """The end of validity in a certificate (RFC 5280 4.1): the standard library reads it for peers only."""
    _, certificate, _ = _element(der)
    _, body, _ = _element(certificate)
    tag, _, rest = _element(body)
    if tag == _VERSION:
        _, _, rest = _element(rest)  # the serial number
    for _ in range(2):  # signature algorithm, issuer
        _, _, rest = _element(rest)
    tag, validity, _ = _element(rest)
    if tag != _SEQUENCE:
        raise ValueError("no validity")
    _, _, rest = _element(validity)
    kind, value, _ = _element(rest)
    text = value.decode("ascii")
    if kind == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _element(der: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows of the first DER element."""
    tag, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if start + length > len(der):
        raise ValueError("cut off")
    return tag, der[start : start + length], der[start + length :]
