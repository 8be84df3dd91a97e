"""The name under which a process holds leases: no two have the same, and a person finds it."""

import os
import secrets
import socket


def this_process() -> str:
    """`host:pid:chance`: a process that was started again with the same number is another one."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
