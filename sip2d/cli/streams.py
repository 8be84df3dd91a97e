"""The machine's streams: what code pages and line ends do to texts."""

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TextIO


def prepare_streams() -> None:
    """No text ends a program because a Windows code page has no place for it: such a character is printed as
    ``\\uXXXX``, which in JSON means itself. What is piped in on Windows is UTF-8, as files are.
    """
    codecs.register_error("sip2d-escaped", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(errors="sip2d-escaped")
    if sys.platform == "win32" and isinstance(sys.stdin, TextIOWrapper) and not sys.stdin.isatty():
        sys.stdin.reconfigure(encoding="utf-8-sig", errors="replace")


def _escaped(fault: UnicodeError) -> tuple[str, int]:
    if not isinstance(fault, UnicodeEncodeError):
        raise fault
    units = fault.object[fault.start : fault.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)), fault.end


@contextmanager
def exact_lines(stream: TextIO) -> Iterator[TextIO]:
    """A stream that leaves line ends as they are written: Windows would make CR CR LF of a CSV file's."""
    if not isinstance(stream, TextIOWrapper):
        yield stream
        return
    stream.reconfigure(newline="")
    try:
        yield stream
    finally:
        stream.flush()
        stream.reconfigure(newline=None)


def draws(stream: TextIO) -> bool:
    """Whether a terminal is there that moves its cursor when told to (ANSI); Windows' must be asked to."""
    if not stream.isatty():
        return False
    if sys.platform != "win32":
        return True
    import ctypes
    import msvcrt

    virtual_terminal = 4
    handle, mode = ctypes.c_void_p(msvcrt.get_osfhandle(stream.fileno())), ctypes.c_uint32()
    console = ctypes.windll.kernel32
    return bool(
        console.GetConsoleMode(handle, ctypes.byref(mode))
        and console.SetConsoleMode(handle, mode.value | virtual_terminal)
    )
