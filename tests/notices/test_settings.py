"""The post office of a configuration, and what it tells the metrics."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from sip2d import config
from sip2d.config import PathsSettings, SmtpSettings
from sip2d.daemon.notice_metrics import NoticeFigures
from sip2d.errors import ConfigurationError
from sip2d.notices.post import Post
from sip2d.notices.texts import Texts


def read(folder: Path, text: str) -> config.Settings:
    file = folder / "sip2d.toml"
    file.write_text(text)
    return config.load(file)


def test_without_a_host_and_a_folder_nothing_is_sent() -> None:
    assert Post.open(SmtpSettings(), PathsSettings()).transports == ()


def test_the_post_office_of_a_configuration(tmp_path: Path) -> None:
    said = read(
        tmp_path,
        f'[smtp]\nhost = "mail.example.org"\nusername = "u"\npassword = "s3cret"\n'
        f'[paths]\nletters = "{tmp_path}"\n',
    )
    post = Post.open(said.smtp, said.paths)
    assert post.transports == ("EMAIL", "PRINT")
    assert post.relay is not None
    assert (post.relay.port, post.relay.security, post.relay.password) == (587, "starttls", "s3cret")
    assert "s3cret" not in repr(post) + repr(said) + str(said.model_dump())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (
            'host = "mail.example.org"\nsecurity = "none"\nusername = "u"\npassword = "p"',
            "not sent wi",
        ),
        ('host = "mail.example.org"\nusername = "u"', "a username and a password"),
        ('host = "mail.example.org"\nsecurity = "ssl3"', "smtp.security"),
    ],
)
def test_a_password_goes_nowhere_in_clear(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        read(tmp_path, f"[smtp]\n{text}\n")


def test_the_password_is_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "smtp__password").write_text("s3cret\n")
    monkeypatch.setenv("SIP2D_SECRETS_DIR", str(tmp_path))
    said = read(tmp_path, '[smtp]\nhost = "mail.example.org"\nusername = "u"\n')
    assert said.smtp.password is not None
    assert said.smtp.password.get_secret_value() == "s3cret"


def test_a_folder_of_templates_must_be_whole(tmp_path: Path) -> None:
    (tmp_path / "en.toml").write_text('[format]\ndate = ""\n')
    with pytest.raises(ValueError, match=r"en\.toml"):
        Texts.load(tmp_path)


def test_figures_are_asked_at_the_scrape() -> None:
    post = Post.open(SmtpSettings(), PathsSettings())
    registry = CollectorRegistry()
    registry.register(NoticeFigures(lambda: post.figures.results, lambda: post.figures.states))
    post.figures.count("EMAIL", "sent", 3)
    post.figures.states = {"HELD_NO_SENDER": 2}
    told = generate_latest(registry).decode()
    assert 'sip2d_notices_total{result="sent",transport="EMAIL"} 3.0' in told
    assert 'sip2d_notices_pending{state="HELD_NO_SENDER"} 2.0' in told
