"""Contexts and what is read off certificates (CN-15)."""

import datetime
import ssl
from pathlib import Path

import pytest
import trustme

from sip2d.config import TlsSettings
from sip2d.daemon import tls
from sip2d.errors import ConfigurationError


@pytest.mark.parametrize("year", [2031, 2060])  # UTCTime and GeneralizedTime
def test_expiry(tmp_path: Path, year: int) -> None:
    moment = datetime.datetime(year, 5, 6, 7, 8, 9, tzinfo=datetime.UTC)
    issued = trustme.CA().issue_cert("localhost", not_after=moment)
    file = tmp_path / "server.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(file))
    assert tls.expiry(file) == moment.timestamp()


def test_what_cannot_be_used_is_said_in_a_sentence(tmp_path: Path) -> None:
    first, second = trustme.CA().issue_cert("a"), trustme.CA().issue_cert("b")
    cert, key, text = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "text.pem"
    first.cert_chain_pems[0].write_to_path(str(cert))
    second.private_key_pem.write_to_path(str(key))
    text.write_text("no certificate")
    for settings in (
        TlsSettings(cert=cert, key=key),
        TlsSettings(cert=text),
        TlsSettings(cert=tmp_path / "none.pem"),
    ):
        with pytest.raises(ConfigurationError, match=r"^\S+\.pem: certificate or key cannot be .*\.$"):
            tls.build(settings)
    for file in (text, key, tmp_path / "none.pem"):
        with pytest.raises(ConfigurationError):
            tls.expiry(file)


def test_a_key_with_a_passphrase_is_not_waited_for(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    issued = trustme.CA().issue_cert("a")
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    file = tmp_path / "both.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
        + issued.cert_chain_pems[0].bytes()
    )
    with pytest.raises(ConfigurationError, match="passphrase"):
        tls.build(TlsSettings(cert=file))


def test_client_certificates(tmp_path: Path) -> None:
    ca = trustme.CA()
    file, ca_file = tmp_path / "server.pem", tmp_path / "ca.pem"
    ca.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(file))
    ca.cert_pem.write_to_path(str(ca_file))
    assert tls.build(TlsSettings(cert=file)).verify_mode == ssl.CERT_NONE
    assert tls.build(TlsSettings(cert=file, client_ca=ca_file)).verify_mode == ssl.CERT_OPTIONAL
    required = TlsSettings(cert=file, client_ca=ca_file, client_certificates="required")
    assert tls.build(required).verify_mode == ssl.CERT_REQUIRED
