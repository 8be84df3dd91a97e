"""``python -m fuzz [TARGET] [--seconds N] [--runs N] [--seed N]``: one target, or each in turn.

With atheris installed (Python 3.11-3.14 on Linux) inputs are coverage-guided; else they come from
``fuzz.mutate``.
"""

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from fuzz import Target, existing, load
from fuzz.mutate import inputs

FOUND = Path("fuzz-found.bin")


def run(target: Target, seconds: float, runs: int, seed: int) -> int:
    """How many inputs were tried; the one that breaks the invariant is written to a file, and raises."""
    end = time.monotonic() + seconds
    done = 0
    for data in inputs(target.seeds, seed):
        if done >= runs or time.monotonic() >= end:
            break
        try:
            target.one_input(data)
        except BaseException:
            FOUND.write_bytes(data)
            print(
                f"{target.name}: broken by input {done} of seed {seed}: {data[:200]!r}; see {FOUND}",
                file=sys.stderr,
            )
            raise
        done += 1
    return done


def guided(target: Target, seconds: float, runs: int) -> None:
    """The same with atheris, which ends the process itself."""
    import atheris  # only where it is installed

    arguments = [sys.argv[0], f"-max_total_time={int(seconds)}", f"-runs={runs}", "-max_len=4096"]
    corpus = Path(".fuzz") / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    atheris.instrument_all()
    atheris.Setup([*arguments, str(corpus)], target.one_input)
    atheris.Fuzz()


def main() -> None:
    """Parses the command line and fuzzes."""
    names = existing()
    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=names, help="one target; all in turn when left out")
    parser.add_argument("--seconds", type=float, default=60, help="per target")
    parser.add_argument("--runs", type=int, default=1_000_000_000, help="inputs per target at most")
    parser.add_argument("--seed", type=int, default=1, help="of the built-in mutator")
    asked = parser.parse_args()
    if asked.target is not None and find_spec("atheris") is not None:
        guided(load(asked.target), asked.seconds, asked.runs)
        return
    for name in names if asked.target is None else (asked.target,):
        done = run(load(name), asked.seconds, asked.runs, asked.seed)
        print(f"{name}: {done} inputs, the invariant holds")


if __name__ == "__main__":
    main()
