"""`sip2d` and `python -m sip2d`."""

import sys
from collections.abc import Sequence

from sip2d import collector


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code (stack.md 3.1)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["healthcheck"]:
        from sip2d.cli.quick import healthcheck

        return healthcheck(words[1:])
    from sip2d.cli.app import run

    return run(words)


def program() -> int:
    """`main` as all that this process does."""
    collector.while_starting()
    try:
        return main()
    finally:
        collector.at_the_end()


if __name__ == "__main__":
    sys.exit(program())
