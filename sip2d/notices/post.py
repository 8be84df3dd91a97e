"""The post office of a daemon: what notices are written with and sent by, and what it counted."""

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec

from sip2d.config import PathsSettings, SmtpSettings
from sip2d.notices import mail, paper
from sip2d.notices.mail import Relay
from sip2d.notices.outbox import Fared
from sip2d.notices.texts import Texts
from sip2d.store.library import Library
from sip2d.store.notices import Letter
from sip2d.store.outbox import EMAIL, PRINT


class Figures:
    """For metrics: letters by (transport, result) since the start, and open notices by state lately."""

    def __init__(self) -> None:
        self.results: dict[tuple[str, str], int] = {}
        self.states: dict[str, int] = {}

    def count(self, transport: str, result: str, by: int = 1) -> None:
        """Letters that fared so."""
        key = (transport, result)
        self.results[key] = self.results.get(key, 0) + by


class Post(msgspec.Struct):
    """See the module. Without a ``relay`` mails wait, without a ``folder`` letters to print do."""

    texts: Callable[[], Texts]
    relay: Relay | None = None
    folder: Path | None = None
    figures: Figures = msgspec.field(default_factory=Figures)

    @classmethod
    def open(cls, smtp: SmtpSettings, paths: PathsSettings) -> "Post":
        """The post office of a configuration; its texts are read when they are first needed."""
        folder = paths.notices
        texts = cache(lambda: Texts.load(folder) if folder else Texts.shipped())
        relay = Relay(
            host=smtp.host,
            port=smtp.port,
            security=smtp.security,
            ca=smtp.ca,
            username=smtp.username,
            password=None if smtp.password is None else smtp.password.get_secret_value(),
            timeout=smtp.timeout,
        )
        return cls(texts, relay if smtp.host else None, paths.letters)

    @property
    def transports(self) -> tuple[str, ...]:
        """What can be sent here."""
        return tuple(name for name, way in ((EMAIL, self.relay), (PRINT, self.folder)) if way is not None)

    def send(self, library: Library, transport: str, letters: Iterable[Letter], now: datetime) -> list[Fared]:
        """Send claimed letters of one transport; how each fared. Nothing is raised."""
        listed = list(letters)
        if transport == EMAIL and self.relay is not None:
            fared = list(mail.send(self.relay, [(one, _name(library, one)) for one in listed], now))
        elif transport == PRINT and self.folder is not None:
            fared = list(self._print(library, listed, now))
        else:
            fared = [Fared(one, tried=False) for one in listed]
        return fared

    def _print(self, library: Library, letters: list[Letter], now: datetime) -> Iterable[Fared]:
        folder = self.folder
        assert folder is not None
        places = dict.fromkeys((one.institution_id, one.branch_id) for one in letters)
        for owner_id, branch_id in places:
            owner, place = library.institutions[owner_id], library.branches.get(branch_id or 0)
            day = now.astimezone(owner.zone if place is None else place.zone).date()
            theirs = [
                (one, _name(library, one))
                for one in letters
                if (one.institution_id, one.branch_id) == (owner_id, branch_id)
            ]
            yield from paper.send(folder, theirs, day, owner.code, None if place is None else place.code)


def _name(library: Library, letter: Letter) -> str:
    """Who writes: the institution, and the branch if it is called otherwise."""
    owner, place = library.institutions[letter.institution_id], library.branches.get(letter.branch_id or 0)
    return owner.name if place is None or place.name == owner.name else f"{owner.name}, {place.name}"
