"""Profiles: the files that come along, extends, and everything that is refused at load (issue: profiles;
peers 27, 28).
"""

from pathlib import Path

import msgspec
import pytest

from sip2d import packaged
from sip2d.wire.codec import compile_all
from sip2d.wire.profile import (
    STANDARD,
    Barcodes,
    Profile,
    ProfileError,
    load_profiles,
)
from sip2d.wire.template import fill


def test_the_standard_file_is_the_defaults() -> None:
    found = load_profiles()["standard"]
    assert msgspec.structs.replace(found, about="") == STANDARD


def test_the_standard_file_names_every_key() -> None:
    text = (packaged.config("profiles") / "standard.toml").read_text(encoding="utf-8")
    for key in {*Profile.__struct_fields__} - {"name", "extends"}:
        assert f"\n{key} =" in f"\n{text}" or f"[{key}]" in text, key


def test_the_profiles_that_come_along() -> None:
    found = load_profiles()
    assert {"standard", "extended", "legacy-cp850-crlf", "e-content-verifier"} <= set(found)
    for profile in found.values():
        assert profile.about
        compile_all(profile)
    assert found["extended"].send_extensions
    legacy = found["legacy-cp850-crlf"]
    assert (legacy.charset, legacy.terminator_bytes) == ("cp850", b"\r\n")
    assert found["e-content-verifier"].valid_patron == "record"
    assert found["koha-like"].send_extensions


def test_extends_takes_what_is_silent_and_tables_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text(
        'charset = "latin-1"\nabout = "A"\n[custom_patron_fields]\nPC = "{patron_type}"\n'
    )
    (tmp_path / "b.toml").write_text(
        'extends = "a"\nterminator = "CRLF"\n[custom_patron_fields]\nPA = "{expires}"\n'
    )
    found = load_profiles(tmp_path)["b"]
    assert (found.name, found.extends, found.about) == ("b", "a", "")
    assert (found.charset, found.terminator) == ("latin-1", "CRLF")
    assert found.custom_patron_fields == {"PC": "{patron_type}", "PA": "{expires}"}


def test_a_later_folder_replaces_a_profile(tmp_path: Path) -> None:
    (tmp_path / "extended.toml").write_text('extends = "standard"\nsend_sort_bin = false\n')
    found = load_profiles(packaged.config("profiles"), tmp_path)
    assert not found["extended"].send_extensions
    assert not found["koha-like"].send_sort_bin


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('charsett = "utf-8"', "no key charsett; did you mean charset?"),
        (
            "[patron_barcode]\nstrip_prefx = 'x'",
            "no key patron_barcode.strip_prefx; did you mean patron_barcode.strip_prefix?",
        ),
        ('charset = "utf-16"', "utf-16"),
        ('terminator = "LF"', "LF"),
        ('delimiter = "A"', "would be taken for a value"),
        ('delimiter = "||"', "one character"),
        ('delimiter = "€"', "one byte"),
        ('due_date_format = "%c"', "due_date_format"),
        ('due_date_format = "tomorrow"', "due_date_format"),
        ("patron_status_flags = [14]", "<= 13"),
        ("max_list_items = -1", ">= 0"),
        ('hide_fields = ["ae"]', "hide_fields"),
        ('hide_fields = ["77.AE"]', "hide_fields"),
        ('ae_template = "{pin}"', "{pin} is not one of barcode"),
        ('ae_template = "{last_name.__class__}"', "ae_template"),
        ('ae_template = "{last_name!r}"', "ae_template"),
        ('av_template = "{amount:>99999999}"', "av_template"),
        ('av_template = "{0}"', "av_template"),
        ('da_template = "{"', "da_template"),
        ('[custom_patron_fields]\nAZ = "x"', "not a field id"),
        ('[custom_patron_fields]\nP = "x"', "not a field id"),
        ('[custom_item_fields]\nEA = "{pin}"', "custom_item_fields.EA"),
        ("[item_barcode]\nextract = '('", "regular expression"),
        ('payment_type_writeoff = "6"', "two digits"),
        ('language = "fr"', "three digits"),
        ('cq_without_pin = "Y"', "'Y'"),
        ("af_on_success = 1", "bool"),
        ('extends = "nowhere"', "does not exist"),
        ("extends = 3", "name of one profile"),
        ('extends = "broken"', "round in a circle: broken -> broken"),
        ('name = "other"', "named after its file"),
        ("= 3", "cannot be read"),
    ],
)
def test_a_bad_profile_is_refused_in_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProfileError) as refused:
        load_profiles(tmp_path)
    assert "broken.toml: " in str(refused.value)
    assert said in str(refused.value)


def test_a_long_circle_is_refused(tmp_path: Path) -> None:
    for name, following in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.toml").write_text(f'extends = "{following}"')
    with pytest.raises(ProfileError, match="a -> b -> c -> a"):
        load_profiles(tmp_path)


@pytest.mark.parametrize(
    ("rule", "code", "barcode"),
    [
        (Barcodes(), " 123 ", "123"),
        (Barcodes(trim=False), " 123 ", " 123 "),
        (Barcodes(strip_prefix="LIB-"), "LIB-123", "123"),
        (Barcodes(strip_prefix="LIB-"), "123", "123"),
        (Barcodes(add_prefix="2100"), "123", "2100123"),
        (Barcodes(add_prefix="2100"), "2100123", "2100123"),
        (Barcodes(extract=r"^A(\d+)B$"), "A55B", "55"),
        (Barcodes(extract=r"\d{3}"), "xx123yy", "123"),
        (Barcodes(extract=r"^A(\d+)B$"), "zz", "zz"),
        (Barcodes(extract=r"a(b)?"), "a", "a"),
        (Barcodes(extract=r"^;(\d+)\?$", strip_prefix="0", add_prefix="9"), " ;0123? ", "9123"),
    ],
)
def test_barcodes_become_the_one_to_look_up(rule: Barcodes, code: str, barcode: str) -> None:
    assert rule.normal(code) == barcode


def test_hidden_reads_both_spellings() -> None:
    profile = Profile(hide_fields=frozenset({"BD", "24.AE", "64:BE"}))
    assert profile.hidden("24") == {"BD", "AE"}
    assert profile.hidden("64") == {"BD", "BE"}


def test_templates_only_fill_names() -> None:
    assert (
        fill("{last_name}, {first_name}!", {"last_name": "{first_name}", "first_name": "Ann"})
        == "{first_name}, Ann!"
    )
    assert fill("{title}", {}) == ""
