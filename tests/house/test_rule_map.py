"""Every rule is named by a test, or is a declared exception; and the map that is read is not an old one."""

from tests.house.rule_map import TARGET, in_tests, named, rules


def test_every_rule_is_tested() -> None:
    _, gaps = rules()
    assert gaps == []


def test_the_map_names_every_rule() -> None:
    """`make rules` was run after the last rule was added."""
    found, _ = rules()
    text = TARGET.read_text("utf-8")
    assert [one.id for one in found if f"| {one.id} | {one.caption} |" not in text] == []


def test_how_ids_are_read() -> None:
    assert list(named("LO-52..LO-54, BL-45..47 and FX-2a")) == [
        "LO-52", "LO-53", "LO-54", "BL-45", "BL-46", "BL-47", "FX-2a", "FX-2",
    ]  # fmt: skip
    assert not any("rule_map" in place for place in in_tests().get("FX-2a", []))
