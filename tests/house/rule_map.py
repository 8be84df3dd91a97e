"""The map of the rules: id, caption, code, tests. `make rules` writes `docs/rules.md`; a gap is a failure.

`rules.toml` beside this file holds what each rule says, in our own words, and the declared exceptions. A rule
counts as tested when a test names it: in its name (`test_lo_46`), its docstring, its decorators or body, or
in a table of values that the test's module holds. A module's docstring proves nothing and is not read.
"""

import ast
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

ROOT: Final = Path(__file__).resolve().parents[2]
RULES: Final = Path(__file__).with_name("rules.toml")
TARGET: Final = ROOT / "docs" / "rules.md"

FAMILIES: Final = {
    "GN": "Conventions",
    "CN": "SIP2 service",
    "SP": "SIP2 surface",
    "CO": "Decisions at the counter",
    "HO": "Holds",
    "CL": "Calendars and due dates",
    "BR": "Bulk renewals",
    "MB": "Memberships",
    "LO": "Overdue, fines, lost items",
    "BL": "User blocks, demerits",
    "JB": "Jobs",
    "FX": "Examples: fines",
    "RX": "Examples: lost and returned",
    "BX": "Examples: overdue blocks",
    "DX": "Examples: demerits",
    "OF": "Offline circulation",
    "OX": "Examples: offline files",
    "PT": "Properties",
}
_FAMILY: Final = "|".join(FAMILIES)
_NAMED: Final = re.compile(rf"\b({_FAMILY})-(\d+)([a-z]{{0,2}})(?:\.\.(?:({_FAMILY})-)?(\d+))?")
_IN_NAME: Final = re.compile(rf"(?:^|_)({_FAMILY.lower()})_?(\d+)([a-z]?)(?=_|$)")


class Rule(msgspec.Struct):
    """A rule with the places that name it."""

    id: str
    caption: str
    code: list[str]
    tests: list[str]


def named(text: str) -> Iterator[str]:
    """The ids in a text; ``LO-52..LO-60`` and ``BL-45..52`` are all of them."""
    for family, first, letter, other, last in _NAMED.findall(text):
        yield f"{family}-{first}{letter}"
        if letter:
            yield f"{family}-{first}"
        if last and other in ("", family) and int(first) < int(last) < int(first) + 100:
            yield from (f"{family}-{number}" for number in range(int(first) + 1, int(last) + 1))


def in_code(folders: tuple[str, ...] = ("sip2d", "migrations", "config")) -> dict[str, list[str]]:
    """Files by the id they name, the one that names it most first."""
    found: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".py", ".toml"):
                for rule in named(file.read_text("utf-8")):
                    found[rule][str(file.relative_to(ROOT))] += 1
    return {rule: sorted(files, key=lambda name: (-files[name], name)) for rule, files in found.items()}


def in_tests() -> dict[str, list[str]]:
    """Tests (file and function, or file and table) by the id they name."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("*.py")):
        if file.stem.endswith("rule_map"):
            continue  # this map and its test
        place = str(file.relative_to(ROOT / "tests"))
        for name, text in _pieces(file):
            low = (f"{family.upper()}-{number}{letter}" for family, number, letter in _IN_NAME.findall(name))
            for rule in {*low, *named(text)}:
                found[rule].append(f"{place}::{name}")
    for file in sorted((ROOT / "tests" / "transcripts").glob("*.sip")):
        for rule in set(named(file.read_text("utf-8"))):
            found[rule].append(f"transcripts/{file.name}")
    return found


def _pieces(file: Path) -> Iterator[tuple[str, str]]:
    """Test functions and module tables: name, and source with docstring and decorators."""
    source = file.read_text("utf-8")
    lines = source.splitlines()
    for node in ast.parse(source).body:
        yield from _of(node, lines)


def _of(node: ast.stmt, lines: list[str]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.ClassDef):
        for inner in node.body:
            yield from _of(inner, lines)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
        yield node.name, "\n".join(lines[first - 1 : node.end_lineno])
    elif isinstance(node, ast.Assign | ast.AnnAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        yield ast.unparse(target), "\n".join(lines[node.lineno - 1 : node.end_lineno])


def rules() -> tuple[list[Rule], list[str]]:
    """Every rule in its order, and the gaps as sentences."""
    said = tomllib.loads(RULES.read_text("utf-8"))
    captions: dict[str, str] = said["rules"]
    exceptions: dict[str, str] = said["exceptions"]
    code, tests = in_code(), in_tests()
    found = [Rule(id_, caption, code.get(id_, []), tests.get(id_, [])) for id_, caption in captions.items()]
    gaps = [f"{one.id} is named by no test." for one in found if not one.tests and one.id not in exceptions]
    gaps += [
        f"{one.id} is tested, and yet a declared exception."
        for one in found
        if one.tests and one.id in exceptions
    ]
    gaps += [f"{id_} is an exception, and no rule." for id_ in exceptions if id_ not in captions]
    return found, gaps


def page(found: list[Rule], exceptions: dict[str, str]) -> str:
    """The map as Markdown."""
    out = [
        "# The rules, and where they live",
        "",
        "Written by `make rules`; do not edit. Up to three places each, those that say most first.",
    ]
    for family, title in FAMILIES.items():
        own = [one for one in found if one.id.startswith(f"{family}-")]
        if not own:
            continue
        out += [
            "",
            f"## {family}: {title}",
            "",
            "| rule | what it says | code | tests |",
            "|---|---|---|---|",
        ]
        for one in own:
            tests = "<br>".join(one.tests[:3]) or f"*{exceptions.get(one.id, '')}*"
            out.append(f"| {one.id} | {one.caption} | {'<br>'.join(one.code[:3])} | {tests} |")
    return "\n".join(out) + "\n"


def main() -> int:
    """Write the map; 1 when there is a gap."""
    found, gaps = rules()
    exceptions = tomllib.loads(RULES.read_text("utf-8"))["exceptions"]
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(page(found, exceptions), encoding="utf-8")
    for gap in gaps:
        print(gap, file=sys.stderr)
    print(f"{TARGET.relative_to(ROOT)}: {len(found)} rules, {len(exceptions)} exceptions, {len(gaps)} gaps.")
    return 1 if gaps else 0


if __name__ == "__main__":
    raise SystemExit(main())
