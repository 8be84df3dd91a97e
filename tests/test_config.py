"""The settings: what wins, what is refused and how it is said, what never shows (stack.md 3.1, T12)."""

import tomllib
from pathlib import Path

import pytest

from sip2d import config
from sip2d.config import Settings
from sip2d.errors import ConfigurationError
from tests.support.places import ROOT


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CREDENTIALS_DIRECTORY", "SIP2D_SECRETS_DIR", "SIP2D_NO_SKIP"):
        monkeypatch.delenv(name, raising=False)


def written(folder: Path, text: str) -> Path:
    file = folder / "sip2d.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_sample_is_the_file() -> None:
    assert (ROOT / "config" / "sip2d.toml").read_text(encoding="utf-8") == config.sample()


def test_the_sample_names_every_option_and_changes_none(tmp_path: Path) -> None:
    assert config.load(written(tmp_path, config.sample())).model_dump() == config.load(None).model_dump()
    for place, _ in config.options(Settings):
        assert f"#{place[-1]} =" in config.sample(), place


def test_the_sample_uncommented_is_the_defaults(tmp_path: Path) -> None:
    lines = config.sample().replace("#[listeners.tls]", "").splitlines()
    options = [line[1:] for line in lines if line.startswith("#") and line[1:2] not in " #"]
    kept = [line for line in options if not line.endswith("=") and "client_certificates" not in line]
    sections = [line for line in lines if line.startswith("[")]
    rebuilt = [line.lstrip("#") for line in lines if line in sections or line[1:] in kept]
    assert tomllib.loads("\n".join(rebuilt))["listeners"][0]["name"] == "plain"
    assert config.load(written(tmp_path, "\n".join(rebuilt))).model_dump() == config.load(None).model_dump()


def test_every_option_has_its_manual_entry() -> None:
    assert [place for place, field in config.options(Settings) if not field.description] == []


def test_who_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Flag, environment, credential file, conf.d, file, default: each wins over all behind it."""
    file = written(tmp_path, "[limits]\nconnections = 1\nwindow = 11\nper_address = 21\nlogin_timeout = 31\n")
    drop_in = tmp_path / "conf.d"
    drop_in.mkdir()
    (drop_in / "a.toml").write_text("[limits]\nconnections = 9\nwindow = 9\nper_address = 22\n")
    (drop_in / "b.toml").write_text("[limits]\nconnections = 2\nwindow = 12\n")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "limits__window").write_text("13\n")
    (secrets / "tls.key").write_text("not ours")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(secrets))
    monkeypatch.setenv("SIP2D_LIMITS__CONNECTIONS", "4")
    limits = config.load(file, {"limits": {"frame_bytes": 1024}}).limits
    assert (limits.connections, limits.window, limits.per_address, limits.login_timeout) == (4, 13, 22, 31)
    assert (limits.frame_bytes, limits.frame_timeout) == (1024, 10)
    assert config.load(file, {"limits": {"connections": 5}}).limits.connections == 5


def test_a_drop_in_changes_the_listener_of_its_name(tmp_path: Path) -> None:
    """T12: a shallow merge would have wiped the other listener."""
    file = written(
        tmp_path, '[[listeners]]\nname = "a"\nport = 1001\n[[listeners]]\nname = "b"\nport = 1002\n'
    )
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "x.toml").write_text('[[listeners]]\nname = "b"\nprofile = "extended"\n')
    found = [(one.name, one.port, one.profile) for one in config.load(file).listeners]
    assert found == [("a", 1001, "standard"), ("b", 1002, "extended")]


REFUSED = {
    "[limits]\nconections = 5": "limits.conections: there is no such option; did you mean connections.",
    "[limit]\nx = 1": "limit: there is no such option; did you mean limits.",
    "[limits]\nframe_bytes = 65537": "limits.frame_bytes: Input should be less than or equal to 65536.",
    "[database]\nurl = 'mysql://x'": "database: url: 'mysql' is no database we know; use sqlite:/// or postgresql://.",
    "[database]\nurl = 'postgres://h/d'": "database: url: write postgresql:// instead of postgres://.",
    "[database]\nurl = 'sqlite://'": "database: url: SQLite wants sqlite:///relative/path or sqlite:////absolute/path.",
    "[[listeners]]\nname = 'a'\nhost = '0.0.0.0'": (
        "listeners.0: listener 'a' would speak plain TCP on 0.0.0.0, which is not loopback; "
        "give it a [listeners.tls] table or say allow_plain = true."
    ),
    "[[listeners]]\nname = 'a'\nproxy_protocol = 'require'": (
        "listeners.0: listener 'a' requires the PROXY protocol but trusts no proxy."
    ),
    "[[listeners]]\nname = 'a'\n[[listeners]]\nname = 'b'": "'a' and listener 'b' both want port 6001.",
    "[[listeners]]\nname = 'a'\nport = 9109": "'admin' and listener 'a' both want port 9109.",
    "[[listeners]]\nname = 'a'\n[[listeners]]\nname = 'a'\nport = 5": "two listeners are named 'a'.",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_makes_no_sense_is_refused_in_a_sentence(tmp_path: Path, text: str) -> None:
    file = written(tmp_path, text)
    sentence = REFUSED[text]
    with pytest.raises(ConfigurationError) as caught:
        config.load(file)
    assert str(caught.value) == sentence
    assert sentence in config.check(file)


def test_a_plain_listener_elsewhere_needs_to_be_meant(tmp_path: Path) -> None:
    file = written(tmp_path, "[[listeners]]\nname = 'a'\nhost = '192.0.2.1'\nallow_plain = true\n")
    assert config.load(file).listeners[0].allow_plain


def test_files_that_are_not_there(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    assert config.check(missing) == [f"{missing}: there is no such file."]
    broken = written(tmp_path, "[limits\n")
    assert "is not TOML" in config.check(broken)[0]
    file = written(
        tmp_path,
        f"[database]\nurl = 'sqlite:///{tmp_path}/no/where.db'\n[paths]\nprofiles = '{tmp_path}/none'\n"
        "[[listeners]]\nname = 'a'\n[listeners.tls]\ncert = '$NO_SUCH/cert.pem'\n",
    )
    found = config.check(file)
    assert found == [
        "listener 'a', tls.cert: $NO_SUCH/cert.pem does not exist.",
        f"paths.profiles: {tmp_path}/none is not a folder.",
        f"database.url: the folder {tmp_path}/no does not exist.",
    ]


def test_variables_nobody_reads_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """T12: pydantic-settings ignores them."""
    found = list(
        config.unknown_variables({"SIP2D_LIMITS__CONECTIONS": "1", "SIP2D_LIMITS__WINDOW": "1", "PATH": ""})
    )
    assert found == [
        "SIP2D_LIMITS__CONECTIONS: there is no such variable; did you mean SIP2D_LIMITS__CONNECTIONS."
    ]
    monkeypatch.setenv("SIP2D_LISTENERS", "not json")
    with pytest.raises(ConfigurationError, match="listeners"):
        config.load(None)


CANARY = "hunter2-canary"


def test_a_password_shows_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIP2D_DATABASE__PASSWORD", CANARY)
    settings = config.load(None, {"database": {"url": f"postgresql://me:{CANARY}@db/lib"}})
    assert settings.database.full_url == f"postgresql://me:{CANARY}@db/lib"
    for shown in (repr(settings), str(settings), repr(settings.database), settings.database.safe_url):
        assert CANARY not in shown
    bad = config.check(written(tmp_path, f"[database]\nurl = '{CANARY}'\nreaders = '{CANARY}'\n"))
    assert bad
    assert CANARY not in " ".join(bad).replace(f"'{CANARY}' is no database", "")


def test_the_password_is_set_into_the_url() -> None:
    settings = config.load(None, {"database": {"url": "postgresql://me@db:5433/lib", "password": "a/b@c:d"}})
    assert settings.database.full_url == "postgresql://me:a%2Fb%40c%3Ad@db:5433/lib"


def test_a_listener_without_a_name_is_said_once(tmp_path: Path) -> None:
    """That the list is too short then follows, and is not said."""
    assert config.check(written(tmp_path, "[[listeners]]\nport = 1\n")) == [
        "listeners.0.name: Field required."
    ]


@pytest.mark.parametrize(("secret", "why"), [(b"\xff\xfe", "is not UTF-8"), (None, "cannot be read")])
def test_a_credential_that_cannot_be_read_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: bytes | None, why: str
) -> None:
    """By its file, never by what is in it; for ``serve`` and for ``check-config``."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    file = folder / "database__password"
    file.write_bytes(secret or b"x")
    if secret is None:

        def away(self: Path, **_: object) -> str:
            raise PermissionError(13, "Permission denied", str(self))

        # Whoever runs the tests may be root, to whom no file is closed.
        monkeypatch.setattr(Path, "read_text", away)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    with pytest.raises(ConfigurationError, match=f"database__password: the credential {why}"):
        config.load(None)
    assert any(why in one for one in config.check(None))
