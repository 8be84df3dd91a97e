"""A process that has no more than Windows has: ``python tests/house/windows.py WHAT MODULE ARGUMENT ...``.

MODULE has a ``run`` or a ``main`` that takes the arguments and gives the exit code. Taken away before that:

* the modules, functions of ``os``, signals and abilities of event loops that Windows lacks; with ``alone``
  for WHAT also every distribution that only the server needs, with ``whole`` only uvloop;
* opening a folder, moving or deleting a file that is open, renaming onto one that exists;
* streams in UTF-8: stdin and stdout are in code page 1252, and LF is written as CR LF;
* text files whose encoding nobody said (a warning of Python's own, made an error by ``ARGUMENTS``).

``sys.platform`` says ``win32`` to what is imported from now on, and there is a ``msvcrt`` that locks. What
stays untried here: Windows' own console, sockets and file system.
"""

import asyncio
import importlib
import io
import os
import runpy
import signal
import sys
import types
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NoReturn

ARGUMENTS = ("-X", "warn_default_encoding", "-W", "error::EncodingWarning")

POSIX = frozenset(
    "crypt curses _curses fcntl grp nis pty pwd readline resource spwd syslog termios tty uvloop".split()
)
SERVER = frozenset(
    "aiosqlite alembic argon2 cronsim cryptography greenlet jinja2 prometheus_client psycopg psycopg_binary "
    "pydantic_settings sqlalchemy sqlite3 _sqlite3 starlette structlog tomli_w uvicorn".split()
)
OS = (
    "chown fchmod fchown fork forkpty getegid geteuid getgid getgroups getloadavg getpgid getresuid "
    "getuid initgroups killpg lchown lockf mkfifo mknod nice openpty posix_fadvise posix_fallocate pread "
    "preadv pwrite pwritev sched_getaffinity sched_yield sendfile setegid seteuid setgid setgroups setsid "
    "setuid statvfs sync sysconf tcgetpgrp ttyname uname wait3 wait4 waitid "
    "O_CLOEXEC O_DIRECTORY O_DSYNC O_NOCTTY O_NOFOLLOW O_NONBLOCK O_SYNC"
).split()
SIGNALS = "SIGALRM SIGCHLD SIGCONT SIGHUP SIGKILL SIGPIPE SIGQUIT SIGSTOP SIGTSTP SIGUSR1 SIGUSR2".split()
LOADED = (
    "ssl subprocess zoneinfo tempfile getpass uuid secrets csv json tomllib difflib shlex logging decimal "
    "concurrent.futures.thread urllib.parse email.utils shutil ctypes platform "
    "typer typer._completion_classes typer._adapters msgspec.json pydantic.main pydantic.type_adapter"
).split()
"""What is loaded while this still is Linux: it is not ours, and has other code for Windows."""


class Absent(MetaPathFinder):
    """Modules that are not there."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name.partition(".")[0] in self._names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


class Loop(asyncio.SelectorEventLoop):
    """A loop that cannot do what Windows' cannot."""

    def _never(self, *given: object, **named: object) -> NoReturn:
        raise NotImplementedError

    add_signal_handler = remove_signal_handler = add_reader = add_writer = _never
    create_unix_connection = create_unix_server = _never


class Policy(asyncio.DefaultEventLoopPolicy):
    """Makes such loops."""

    def new_event_loop(self) -> asyncio.AbstractEventLoop:
        return Loop()


def become_windows(absent: frozenset[str]) -> None:
    """From here on."""
    for name in LOADED:
        importlib.import_module(name)
    _files()
    _locks()
    asyncio.set_event_loop_policy(Policy())
    for name in OS:
        vars(os).pop(name, None)
    for name in SIGNALS:
        vars(signal).pop(name, None)
    for name in [name for name in sys.modules if name.partition(".")[0] in absent]:
        del sys.modules[name]
    sys.meta_path.insert(0, Absent(absent))
    sys.platform = "win32"
    sys.stdin = io.TextIOWrapper(sys.stdin.buffer, "cp1252")
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, "cp1252", newline="\r\n", line_buffering=True)
    sys.stderr = io.TextIOWrapper(
        sys.stderr.buffer, "cp1252", "backslashreplace", newline="\r\n", line_buffering=True
    )


def _locks() -> None:
    """``msvcrt``: so many bytes from where the file stands belong to one process."""
    lockf, exclusive = os.lockf, os.F_TLOCK
    module: Any = types.ModuleType("msvcrt")
    module.LK_NBLCK = 2

    def locking(handle: int, mode: int, count: int) -> None:
        assert mode == module.LK_NBLCK
        lockf(handle, exclusive, count)

    module.locking = locking
    sys.modules["msvcrt"] = module


def _files() -> None:
    """Windows' ways with open files and with folders."""
    opened, rename, replace, unlink = os.open, os.rename, os.replace, os.unlink
    entries, target, exists, is_folder = os.listdir, os.readlink, os.path.exists, os.path.isdir

    def open_file(path: Any, *given: Any, **named: Any) -> int:
        if is_folder(path):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return opened(path, *given, **named)

    def closed(path: Any) -> None:
        wanted = os.path.realpath(path)
        for entry in entries("/proc/self/fd"):
            try:
                found = target(f"/proc/self/fd/{entry}")
            except FileNotFoundError:
                continue
            if found == wanted:
                raise PermissionError(13, "The process cannot access the file", os.fspath(path))

    def guarded(act: Callable[..., None], *, overwrites: bool = True) -> Callable[..., None]:
        def acting(path: Any, *given: Any, **named: Any) -> None:
            for one in (path, *given):
                closed(one)
            if given and not overwrites and exists(given[0]):
                raise FileExistsError(17, "File exists", os.fspath(given[0]))
            act(path, *given, **named)

        return acting

    names: Any = vars(os)
    names.update(
        open=open_file, rename=guarded(rename, overwrites=False), replace=guarded(replace),
        unlink=guarded(unlink), remove=guarded(unlink),
    )  # fmt: skip


def main(what: str, module: str, *arguments: str) -> int:
    """Run it; the exit code. A MODULE that ends in ``.py`` is a script."""
    root = str(Path(__file__).resolve().parents[2])
    sys.path[0] = root
    become_windows(POSIX | SERVER if what == "alone" else POSIX)
    if module.endswith(".py"):
        sys.argv = [module, *arguments]
        runpy.run_path(module, run_name="__main__")
        return 0
    found = importlib.import_module(module)
    run: Callable[[Sequence[str]], int] = getattr(found, "run", None) or found.main
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
