"""What a template may contain: a list of what is allowed, everything else is refused with its line.

No calls, no assignments, no arithmetic but sums, no loop in a loop, filters from a list and with constant
arguments: that is what bounds the cost of a template (`template`).
"""

import difflib
from collections.abc import Container, Iterator, Mapping
from typing import Final

import msgspec
from jinja2 import nodes

from sip2d.notices.context import ITEM, ROWS, names_of

BUILT_IN: Final = ("upper", "lower", "capitalize", "trim", "default", "d", "length", "count", "truncate")
"""Filters of jinja2 that make nothing much longer than it was."""
OURS: Final = ("date", "time", "moment", "money")
"""Filters of `words`."""
TESTS: Final = ("defined", "undefined", "none", "odd", "even")
LOOP: Final = ("index", "index0", "first", "last", "length", "revindex", "revindex0")
COUNTING: Final = frozenset({"length", "count"})
MOST_DEPTH: Final = 40
MOST_NODES: Final = 2_000
MOST_NUMBER: Final = 10_000

_ALLOWED: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.For, nodes.If,
    nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Const, nodes.Filter,
    nodes.Test, nodes.Keyword, nodes.Concat, nodes.Add, nodes.Sub, nodes.Tuple, nodes.List,
)  # fmt: skip
_CALLED: Final[Mapping[str, str]] = {
    "Call": "nothing can be called",
    "Getitem": "values are named, not counted: write item.title",
    "Assign": "nothing can be set",
    "AssignBlock": "nothing can be set",
    "Macro": "there are no macros",
    "Include": "there are no other templates to include",
    "Import": "there are no other templates to import",
    "FromImport": "there are no other templates to import",
    "Extends": "there are no other templates to extend",
}

Finding = tuple[int, str]
"""The line, and the sentence."""


class _Place(msgspec.Struct, frozen=True):
    """Where a node stands: the loop's variable (None outside), how deep, and what it may name."""

    code: str
    names: Mapping[str, str]
    filters: Container[str]
    row: str | None = None
    depth: int = 0


def findings(code: str, tree: nodes.Template, filters: Container[str]) -> Iterator[Finding]:
    """What is wrong with a template of this code, in its order; nothing: it may be used."""
    if sum(1 for _ in tree.find_all(nodes.Node)) > MOST_NODES:
        yield 1, "it has too many parts."
        return
    yield from _node(tree, _Place(code, names_of(code), filters))


def _node(node: nodes.Node, place: _Place) -> Iterator[Finding]:
    if place.depth > MOST_DEPTH:
        yield node.lineno, "it is nested too deeply."
        return
    place = msgspec.structs.replace(place, depth=place.depth + 1)
    match node:
        case nodes.For():
            yield from _loop(node, place)
        case nodes.Name():
            yield from _name(node, place)
        case nodes.Getattr():
            yield from _field(node, place)
        case nodes.Filter():
            yield from _filter(node, place)
        case nodes.Test():
            if node.name not in TESTS or node.args or node.kwargs:
                yield node.lineno, f"there is no test {node.name!r}; there are {', '.join(TESTS)}."
            yield from _node(node.node, place)
        case nodes.Const():
            if isinstance(node.value, int | float | complex) and not abs(node.value) <= MOST_NUMBER:
                yield node.lineno, "a number is too big."
        case _ if not isinstance(node, _ALLOWED):
            word = _CALLED.get(type(node).__name__, f"{type(node).__name__} is not for notices")
            yield node.lineno, f"{word}."
        case _:
            for child in node.iter_child_nodes():
                yield from _node(child, place)


def _loop(node: nodes.For, place: _Place) -> Iterator[Finding]:
    if place.row is not None:
        yield node.lineno, "a loop stands within a loop."
        return
    target = node.target.name if isinstance(node.target, nodes.Name) else ""
    if node.recursive or not target or target == "loop" or target in place.names:
        yield node.lineno, f"a loop is written {{% for item in {ROWS} %}}."
        return
    if not isinstance(node.iter, nodes.Name) or node.iter.name != ROWS or ROWS not in place.names:
        yield node.lineno, _no_list(place)
        return
    inside = msgspec.structs.replace(place, row=target)
    for child in (*node.body, *([node.test] if node.test is not None else [])):
        yield from _node(child, inside)
    for child in node.else_:
        yield from _node(child, place)


def _no_list(place: _Place) -> str:
    if ROWS in place.names:
        return f"only {ROWS} can be looped over."
    return f"{place.code} notices have no list to loop over."


def _name(node: nodes.Name, place: _Place) -> Iterator[Finding]:
    if node.name in (ROWS, place.row) and (node.name != ROWS or ROWS in place.names):
        what = "counted" if node.name == ROWS else "named by its fields: item.title"
        yield node.lineno, f"{node.name!r} can only be looped over or {what}."
    elif node.name not in place.names:
        yield node.lineno, _unknown(f"{place.code} notices have no value", node.name, [*place.names])


def _field(node: nodes.Getattr, place: _Place) -> Iterator[Finding]:
    owner = node.node.name if isinstance(node.node, nodes.Name) else None
    if place.row is None or owner not in (place.row, "loop"):
        yield node.lineno, f"{node.attr!r}: only the item of a loop has fields."
        return
    known = LOOP if owner == "loop" else tuple(ITEM)
    if node.attr not in known:
        yield node.lineno, _unknown(f"{owner!r} has no field", node.attr, known)


def _filter(node: nodes.Filter, place: _Place) -> Iterator[Finding]:
    if node.node is None or node.name not in place.filters:
        yield (
            node.lineno,
            _unknown("there is no filter", node.name, [*BUILT_IN, "date", "time", "moment", "money"]),
        )
        return
    given = [*node.args, *(pair.value for pair in node.kwargs)]
    if node.dyn_args or node.dyn_kwargs or not all(isinstance(each, nodes.Const) for each in given):
        yield node.lineno, f"the filter {node.name!r} takes texts and numbers only."
        return
    for each in given:
        yield from _node(each, place)
    counted = isinstance(node.node, nodes.Name) and node.node.name == ROWS and ROWS in place.names
    if not (counted and node.name in COUNTING):
        yield from _node(node.node, place)


def _unknown(sentence: str, name: str, known: "list[str] | tuple[str, ...]") -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{sentence} {name[:80]!r}" + (f"; did you mean {near[0]!r}?" if near else ".")
