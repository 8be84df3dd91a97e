"""Start a program as another user, and let it die with the process that started it.

Run as a script, `launch.py UID GID PROGRAM [ARGUMENT ...]`. PostgreSQL refuses to run as root, and a test run
that is killed must leave no server behind; both are Linux system calls, made here in a fresh interpreter:
`preexec_fn` is unsafe in a test process that has threads. A UID of -1 keeps the user.
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""prctl(2): which signal this process gets when its parent dies. Cleared by setuid, so it is set after it."""


def command(uid: int, gid: int, program: Path, *arguments: str) -> list[str]:
    """The command line that starts `program` through this file."""
    return [sys.executable, "-I", __file__, str(uid), str(gid), str(program), *arguments]


def main(uid: int, gid: int, program: str, *arguments: str) -> None:
    parent = os.getppid()
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    # SIGQUIT is PostgreSQL's immediate shutdown: no client is waited for, the data is thrown away anyway.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGQUIT, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the starting process is gone")
    os.execv(program, [program, *arguments])


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:])
