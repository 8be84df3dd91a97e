"""A certification authority of the test's own, and what it signs."""

import contextlib
import hashlib
import ssl
from pathlib import Path

import trustme


class Papers:
    """A CA and a server's certificate for ``localhost`` in a folder, and clients that trust them."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self.ca_file, self.server_file = folder / "ca.pem", folder / "server.pem"
        self._ca.cert_pem.write_to_path(str(self.ca_file))
        self._ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(self.server_file))

    def kiosk(self, name: str) -> trustme.LeafCert:
        """A kiosk's certificate."""
        return self._ca.issue_cert(name)

    def client(self, certificate: trustme.LeafCert | None = None) -> ssl.SSLContext:
        """How a kiosk, with or without a certificate, speaks TLS."""
        context = ssl.create_default_context(cafile=str(self.ca_file))
        if certificate is not None:
            certificate.configure_cert(context)
        return context

    def hello(self) -> bytes:
        """A ClientHello, for who wants to see every byte that comes back."""
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        with contextlib.suppress(ssl.SSLWantReadError):
            self.client().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
        return outgoing.read()


def fingerprint(certificate: trustme.LeafCert) -> str:
    """SHA-256 as staff copy it from a tool: upper case, with colons."""
    der = ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())
    return hashlib.sha256(der).digest().hex(":").upper()
