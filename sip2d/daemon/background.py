"""What works in a thread of its own beside the kiosks: the scheduler of jobs."""

from typing import Protocol


class BackgroundDoor(Protocol):
    """Started when the daemon listens, asked to stop with the first signal, waited for before the store
    closes."""

    def start(self) -> None: ...

    def ask_to_stop(self) -> None: ...

    def stop(self) -> None: ...
