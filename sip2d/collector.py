"""The cyclic garbage collector of a process of ours: all of the heap is walked only where that finds some.

Young objects are looked after as ever, at every moment.
"""

import gc
from typing import Final

_USUAL: Final = gc.get_threshold()
_SELDOM: Final = 100
"""Walks of the younger heap between two of the whole; a start makes 30."""


def while_starting() -> None:
    """What importing makes stays: walking all of it again and again is 0.15 s of a command's 1.2."""
    gc.set_threshold(*_USUAL[:2], _SELDOM)


def once_started() -> None:
    """A process that serves from now on: what stands until its end is walked no more, the rest as usual."""
    gc.freeze()
    gc.set_threshold(*_USUAL)


def at_the_end() -> None:
    """The interpreter's end walks what is left twice: 0.25 s for nothing."""
    gc.freeze()
