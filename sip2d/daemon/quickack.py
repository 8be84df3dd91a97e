"""TCP_QUICKACK: a kiosk that writes a frame in two sends without TCP_NODELAY waits 40 ms for our delayed
acknowledgement of the first; acknowledged at once it waits 0.02 ms (performance.md 1)."""

import socket
from typing import Final, Protocol

_OPTION: Final = getattr(socket, "TCP_QUICKACK", None)  # Linux


class Sock(Protocol):
    """What ``transport.get_extra_info("socket")`` gives, on either loop."""

    def setsockopt(self, level: int, option: int, value: int, /) -> None: ...


def acknowledge(sock: Sock) -> None:
    """Call it whenever half a frame waits; the kernel forgets it by itself. Never raises: the socket may be
    gone."""
    if _OPTION is None:
        return
    try:
        sock.setsockopt(socket.IPPROTO_TCP, _OPTION, 1)
    except OSError:
        pass
