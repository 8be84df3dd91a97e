"""What a rule is: a function of the facts with a caption, and everything about it that is not logic (CO-2,
CO-3).

A rule's function is silent (None), or speaks: a dict of values for its screen text, when the reason is just
what the decorator says; or reasons of its own, when they come from rows (user blocks). To add one: write the
function where it belongs and put it into ``rulebook.RULES`` where it should rank.
"""

import enum
from collections.abc import Callable
from typing import Final

import msgspec

from sip2d.policy.decision import Action, Override, Reason
from sip2d.policy.facts import Facts

Word = dict[str, object] | tuple[Reason, ...] | None
"""What a rule says: nothing, its own reason with these values, or these reasons."""


class Question(enum.Enum):
    """What policy is asked."""

    __hash__ = object.__hash__  # a key of every decision: Enum's own is written in Python, 0.2 us

    CHECKOUT = "CHECKOUT"
    RENEW = "RENEW"
    HOLD = "HOLD"
    PICKUP = "PICKUP"
    STANDING = "STANDING"


class About(enum.Enum):
    """Whose rule it is: the patron's own standing, or the act he wants."""

    PATRON = "PATRON"
    ACT = "ACT"


class PolicyRule(msgspec.Struct, frozen=True):
    """A captioned rule. ``sees`` are paths into the facts that ``explain`` prints."""

    code: str
    denies: Action
    scenario: str
    override: Override
    no_block: bool
    about: About
    caption: str
    sees: tuple[str, ...]
    speak: Callable[[Facts], Word]

    def reasons(self, word: Word) -> tuple[Reason, ...]:
        """What the rule said, as reasons."""
        if word is None:
            return ()
        if isinstance(word, tuple):
            return word
        return (
            Reason(self.code, self.denies, self.scenario, self.override, self.no_block, values=word),
        )  # fmt: skip


ALL: Final = Action.LOAN | Action.RENEW | Action.HOLD


def captioned(function: Callable[..., object]) -> str:
    """The first paragraph of a function's docstring on one line.

    Raises:
        TypeError: it has none; a rule that cannot say what it is may not decide.
    """
    caption = " ".join((function.__doc__ or "").strip().split("\n\n")[0].split())
    if not caption:
        raise TypeError(f"{function!r} has no caption")
    return caption


def rule(
    *,
    code: str,
    denies: Action,
    sees: tuple[str, ...],
    scenario: str | None = None,
    override: Override = Override.NONE,
    no_block: bool = False,
    about: About = About.ACT,
) -> Callable[[Callable[[Facts], Word]], PolicyRule]:
    """Makes a captioned rule of a function: its docstring is the caption.

    ``override`` says which staff may set the reason aside, ``no_block`` that a transaction done off-line
    does (CO-3).
    """

    def make(speak: Callable[[Facts], Word]) -> PolicyRule:
        caption = captioned(speak)
        return PolicyRule(code, denies, scenario or code, override, no_block, about, caption, sees, speak)

    return make
