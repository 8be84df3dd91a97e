"""A library's own templates of notices (LO-13, LO-14); those that come with sip2d are files."""

from collections.abc import Iterable

import msgspec
from sqlalchemy import or_, select

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


def versions(
    unit: Unit, institution_id: int, branch_id: int | None, codes: Iterable[str]
) -> dict[str, dict[tuple[str, str], Version]]:
    """The versions in force at a branch, by code, then by language and transport: the branch's own before
    the institution's."""
    columns = [notice_template.c[name] for name in Version.__struct_fields__]
    query = (
        select(*columns)
        .where(
            notice_template.c.institution_id == institution_id,
            notice_template.c.code.in_(set(codes)),
            or_(notice_template.c.branch_id.is_(None), notice_template.c.branch_id == branch_id),
        )
        .order_by(notice_template.c.branch_id.is_(None).desc(), notice_template.c.id)
    )
    found: dict[str, dict[tuple[str, str], Version]] = {}
    for row in unit.core.execute(query):
        version = Version(*row)
        found.setdefault(version.code, {})[version.language, version.transport] = version
    return found
