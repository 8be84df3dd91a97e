"""The places answers leave from: one slot a request that gets an answer, in their order (issue 3.2)."""

from typing import Final

import msgspec

# What a slot waits for. Plain numbers: they are compared for every request.
WAITING: Final = 0  # its answer, from outside
READY: Final = 1  # nothing: ``reply`` holds the sealed bytes
SILENT: Final = 2  # nothing: it leaves without a byte
# Its turn: what was sent last, again (97); its own reply is for the case that nothing was.
LAST: Final = 3
AGAIN: Final = 4  # its turn: the answer of the request it repeats


class Slot(msgspec.Struct, gc=False):
    """A place in the line. ``reply`` is sealed: trailer and terminator included."""

    slot: int
    checked: bool
    state: int = WAITING
    reply: bytes = b""


class Exchange(Slot, gc=False):
    """A request for others to serve, and the slot its answer leaves from.

    ``code``: two characters of a known request. ``body``: the frame without trailer and terminator.
    ``sequence``: AY as it came, ``None`` without AY. ``checked``: it came with AZ, so will the answer.
    ``slot`` counts the requests of this connection. ``allowed`` is False for a request before login: answer
    the refusal of its own message, AF LOGIN_REQUIRED (CN-7). ``received_at``: the ``now`` it was looked at.
    ``frame``, ``state`` and ``reply`` are the session's own. The repr shows no byte of it: PINs and passwords
    are in there.
    """

    code: str = ""
    body: bytes = b""
    sequence: bytes | None = None
    allowed: bool = True
    received_at: float = 0.0
    frame: bytes = b""

    def __repr__(self) -> str:
        return f"<Exchange {self.code} slot {self.slot}>"


class Again(Slot, gc=False):
    """A repeat: it leaves with the answer of ``source``, which stands in front of it or has left already
    (sip2.md 4.4 rule 3).
    """

    source: Exchange | None = None

    def __repr__(self) -> str:
        return f"<Again slot {self.slot}>"


class Line:
    """The slots in their order. ``next``: the number of the next. ``last_sent``: the reply that left last."""

    __slots__ = ("last_sent", "next", "slots")

    def __init__(self) -> None:
        self.slots: list[Slot] = []  # 56 bytes empty, a deque takes 760; at most 64 move up
        self.next = 0
        self.last_sent = b""

    def add(self, slot: Slot) -> None:
        """Puts a slot numbered ``next`` at the end."""
        self.slots.append(slot)
        self.next += 1

    def cut(self, exchange: Exchange) -> None:
        """Drops a slot and all behind it; nothing when it has left already."""
        for place, slot in enumerate(self.slots):
            if slot is exchange:
                del self.slots[place:]
                break

    def leave(self) -> list[bytes]:
        """The replies whose turn has come; their slots are gone then."""
        slots = self.slots
        if len(slots) == 1 and slots[0].state == READY:  # nearly always
            self.last_sent = slots.pop().reply
            return [self.last_sent]
        if slots and slots[0].state == WAITING:  # a request that the store has now
            return []
        replies: list[bytes] = []
        left = 0
        for slot in slots:
            if slot.state == WAITING:
                break
            left += 1
            reply = slot.reply if slot.state == READY else self._late(slot)
            if reply:
                self.last_sent = reply
                replies.append(reply)
        del slots[:left]
        return replies

    def _late(self, slot: Slot) -> bytes:
        """What a slot leaves with that was not known before its turn."""
        if slot.state == LAST:
            return self.last_sent or slot.reply
        if isinstance(slot, Again) and slot.source is not None:
            return slot.source.reply
        if isinstance(slot, Exchange) and slot.code == "93":  # a silent login, too, ends what was said before
            self.last_sent = b""
        return b""
