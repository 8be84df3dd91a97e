"""The addresses kiosks connect to, and the certificates they see there."""

import ipaddress
from typing import Literal, Self

from pydantic import Field, model_validator

from sip2d.config.section import File, Network, Port, Section


class TlsSettings(Section):
    """Certificate and key of a TLS listener. `$NAME` in a path is replaced from the environment, for instance
    `$CREDENTIALS_DIRECTORY/tls.key`."""

    cert: File
    """Certificate chain, PEM."""
    key: File | None = None
    """Private key, PEM without a passphrase; absent when it stands in the certificate's file."""
    client_ca: File | None = None
    """CA of client certificates, PEM. With it kiosks are asked for one; a terminal may have its own
    pinned."""
    client_certificates: Literal["optional", "required"] = "optional"
    """Whether a kiosk without a certificate gets through the handshake; only with client_ca."""


class ListenerSettings(Section):
    """An address kiosks connect to. Repeat the table for each; in conf.d a table of the same name changes
    only what it says."""

    name: str = Field(min_length=1, pattern=r"^[A-Za-z0-9_.-]+$")
    """Its name in metrics and logs."""
    host: str = "127.0.0.1"
    """Address or host name to bind."""
    port: Port = 6001
    """TCP port; 0 takes any free one."""
    allow_plain: bool = False
    """Must be true for a listener without TLS on an address other than loopback: PINs cross that network in
    clear."""
    proxy_protocol: Literal["off", "require"] = "off"
    """`require`: every connection starts with a PROXY header, version 1 or 2, read before TLS."""
    trusted_proxies: tuple[Network, ...] = ()
    """Addresses or networks whose PROXY header is believed; anybody else is closed."""
    profile: str = "standard"
    """Dialect before login, when the terminals of the peer's address do not agree on one."""
    tls: TlsSettings | None = None
    """Certificate and key; without this table the listener speaks plain TCP."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.tls is None and not self.allow_plain and not is_loopback(self.host):
            raise ValueError(
                f"listener {self.name!r} would speak plain TCP on {self.host}, which is not loopback; "
                "give it a [listeners.tls] table or say allow_plain = true"
            )
        if self.proxy_protocol == "require" and not self.trusted_proxies:
            raise ValueError(f"listener {self.name!r} requires the PROXY protocol but trusts no proxy")
        return self


def is_loopback(host: str) -> bool:
    """Does only this machine reach it? A name other than ``localhost`` is not trusted to be so."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
