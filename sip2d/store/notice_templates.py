"""A library's own templates of notices (LO-13, LO-14); those that come with sip2d are files."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import bindparam, or_, select

from sip2d.store.statement import hot
from sip2d.store.tables import notice_template
from sip2d.store.unit import Unit


class Version(msgspec.Struct, frozen=True):
    """One template of a library. ``branch_id`` None: of the institution."""

    branch_id: int | None
    code: str
    language: str
    transport: str
    subject: str
    body_start: str
    body: str
    body_end: str


_OF = notice_template.c
_VERSIONS = hot(
    select(*(_OF[name] for name in Version.__struct_fields__))
    .where(
        _OF.institution_id == bindparam("institution_id"),
        _OF.code == bindparam("code"),
        or_(_OF.branch_id.is_(None), _OF.branch_id == bindparam("branch_id")),
    )
    .order_by(_OF.branch_id.is_(None).desc(), _OF.id),
    "institution_id", "code", "branch_id",
)  # fmt: skip
"""Asked once a notice."""


def versions(
    unit: Unit, institution_id: int, branch_id: int | None, codes: Iterable[str]
) -> dict[str, dict[tuple[str, str], Version]]:
    """The versions in force at a branch, by code, then by language and transport: the branch's own before
    the institution's."""
    found: dict[str, dict[tuple[str, str], Version]] = {}
    for code in set(codes):
        for row in unit.all(_VERSIONS, institution_id, code, branch_id):
            version = Version(*row)
            found.setdefault(code, {})[version.language, version.transport] = version
    return found
