"""Exit codes, after sysexits (stack.md 3.1): what systemd and scripts go by. Imports nothing: `healthcheck`
must be quick."""

from typing import Final

OK: Final = 0
SOME_FAILED: Final = 1
USAGE: Final = 64
DATA: Final = 65
UNAVAILABLE: Final = 69
SOFTWARE: Final = 70
CANNOT_CREATE: Final = 73
TEMPORARY: Final = 75
NOT_PERMITTED: Final = 77
CONFIGURATION: Final = 78
