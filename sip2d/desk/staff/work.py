"""A piece of staff's work: one unit, one person, one moment; every change audited in the same transaction.

An act that cannot be done raises `Refused`, one that its person may not do `Denied`: an exception takes the
unit back at any depth.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from sip2d.desk.staff.authorise import Act, Denial, Staff, authorise, best_role
from sip2d.store import audit, epoch
from sip2d.store.library import Library
from sip2d.store.unit import Unit


class Refused(Exception):
    """It cannot be done; the text is one or more sentences for a person, and nothing was changed."""


class Denied(Exception):
    """It is not this person's to do (GN-8); the denial is audited by whoever ran the work."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.sentence)
        self.denial = denial


class Work(msgspec.Struct, frozen=True):
    """See the module."""

    unit: Unit
    staff: Staff
    now: datetime

    @property
    def library(self) -> Library:
        """The library as this unit found it."""
        return self.unit.library

    @property
    def role(self) -> str | None:
        """The role the work is recorded under."""
        return best_role(self.staff)

    def require(self, act: Act, institution_id: int | None = None, branch_id: int | None = None) -> None:
        """Raises `Denied` unless the person may."""
        denial = authorise(self.staff, act, institution_id=institution_id, branch_id=branch_id)
        if denial is not None:
            raise Denied(denial)

    def record(
        self,
        entity: str,
        entity_id: int | str,
        action: str,
        before: Mapping[str, object] | None = None,
        after: Mapping[str, object] | None = None,
        *,
        branch_id: int | None = None,
        library: bool = True,
    ) -> None:
        """Audit a change; ``library``: of what `Library` holds, so that every daemon takes it up."""
        audit.audit(
            self.unit, self.staff.login, entity, entity_id, action, before, after,
            now=self.now, role=self.role, branch_id=branch_id,
        )  # fmt: skip
        if library:
            epoch.bump(self.unit)


def changes(
    before: Mapping[str, object], wanted: Mapping[str, object]
) -> tuple[dict[str, object], dict[str, object]]:
    """Of ``wanted`` what differs from ``before``: the old values, and the new."""
    new = {name: value for name, value in wanted.items() if before.get(name) != value}
    return {name: before.get(name) for name in new}, new


def denied(unit: Unit, denial: Denial, now: datetime) -> None:
    """Audit that somebody tried (GN-7), in a unit of its own: the one that tried was rolled back."""
    audit.audit(unit, denial.login, "staff", denial.login, "denied", None, {"act": denial.act.value}, now=now)
