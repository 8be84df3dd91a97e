"""A small seeded mutator, where no coverage-guided fuzzer is: the same seed gives the same inputs."""

import random
from collections.abc import Iterator, Sequence
from typing import Final

# What breaks parsers of this protocol: delimiters, terminators, ids, trailers, dates, telnet, text that is
# not ASCII.
PIECES: Final[tuple[bytes, ...]] = (
    b"|", b"||", b"\r", b"\n", b"\r\n", b"\x00", b"\xff", b"\xff\xfb\x01", b"\xff\xfa", b"\xff\xf0", b" ",
    b"\t", b"AA", b"AB", b"AO", b"AC", b"AD", b"AF", b"AY1AZ", b"AY10AZFCA0", b"AZ", b"AY", b"FFFF",
    b"20260101    120000", b"20260101", b"   Z", b"Y", b"N", b"9", b"23", b"63", b"11", b"99", b"97",
    b"2.00", b"\xc3\xa9", b"\xe2\x82", b"\xed\xa0\x80", b"\xc2\x85", b"{", b"}", b"\\", b'"', b"%s",
)  # fmt: skip
LONGEST: Final = 4096


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """The input with one to eight edits: bytes changed, dropped, doubled, a piece put in, the tail of another
    seed.
    """
    out = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        at = chance.randint(0, len(out))
        end = min(len(out), at + chance.choice((1, 1, 2, 4, 18, 64)))
        match chance.randrange(6):
            case 0:
                out[at:end] = bytes(chance.randrange(256) for _ in range(end - at))
            case 1:
                del out[at:end]
            case 2:
                out[at:at] = out[at:end] * chance.choice((1, 2, 30))
            case 3:
                out[at:at] = chance.choice(PIECES)
            case 4:
                out[at:end] = chance.choice(PIECES)
            case _:
                out[at:] = other[chance.randint(0, len(other)) :]
    return bytes(out[:LONGEST])


def inputs(seeds: Sequence[bytes], seed: int) -> Iterator[bytes]:
    """Every seed as it is, then mutations of them without end."""
    yield from seeds
    chance = random.Random(seed)  # chosen inputs, no secrets
    while True:
        yield mutated(chance.choice(seeds), chance.choice(seeds), chance)
