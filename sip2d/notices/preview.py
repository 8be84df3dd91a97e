"""Templates for staff: what comes with sip2d, the check when one is saved, and a notice to a real patron that
is not sent."""

from collections.abc import Mapping

import msgspec

from sip2d.desk.staff import counter, find
from sip2d.desk.staff.authorise import Act
from sip2d.desk.staff.templates import Shipped
from sip2d.desk.staff.work import Refused, Work
from sip2d.notices import outbox, sample
from sip2d.notices.context import Facts, names_of
from sip2d.notices.template import Source, TemplateRefused, Unrenderable, check, render
from sip2d.notices.texts import Texts
from sip2d.store import notice_loans
from sip2d.store.library import Institution
from sip2d.store.records import Record


def shipped(texts: Texts) -> Shipped:
    """The texts as staff's acts want them."""

    def checked(code: str, language: str, owner: Institution, parts: Mapping[str, str]) -> None:
        try:
            check(code, Source(**parts), texts.words(language, owner, owner.zone))
        except TemplateRefused as error:
            raise Refused(str(error)) from None

    templates = {
        language: {code: msgspec.structs.asdict(source) for code, source in told.items()}
        for language, told in texts.templates.items()
    }
    return Shipped(templates, names_of, checked)


def preview(
    work: Work,
    texts: Texts,
    code: str,
    barcode: str,
    institution_code: str | None = None,
    *,
    branch_name: str | None = None,
    language: str | None = None,
    transport: str = "EMAIL",
) -> Record:
    """A notice of a code to a patron, as it would be written now: of his loans, if he has any."""
    owner = find.institution(work, institution_code)
    work.require(Act.SEE, owner.id)
    who = counter.patron(work, owner, barcode)
    place = find.branch(work, branch_name) if branch_name else work.library.branches[who.home_branch_id]
    name = code.strip().upper()
    wanted = language or who.language
    found = outbox.template(work.unit, texts, owner, place, name, transport.upper(), wanted)
    if found is None:
        raise Refused(f"There is no template {name!r}.")
    spoken, source = found
    loans = notice_loans.of_patron(work.unit, who.id)
    values = sample.values(name)
    if loans and "items" in values:
        values = {key: value for key, value in values.items() if key not in loans[0].row}
        values["items"] = [loan.row for loan in loans]
    values |= outbox.common(owner, place, who.name, who.barcode, work.now)
    try:
        written = render(name, source, Facts.of(values), texts.words(spoken, owner, place.zone))
    except (TemplateRefused, Unrenderable) as error:
        raise Refused(str(error)) from None
    return {
        "code": name, "language": spoken, "to": who.email, "from": outbox.sender(owner, place),
        "subject": written.subject, "body": written.body,
    }  # fmt: skip
