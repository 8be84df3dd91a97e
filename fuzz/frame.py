"""Invariant: whole, byte by byte or in pieces, the same bytes give the same frames, and nothing but
``FrameTooLong`` is ever raised.

A frame holds no terminator and no NUL, is never empty and never above the cap. What ``split_trailer`` cuts
off and ``seal`` puts on again verifies.
"""

from collections.abc import Iterable, Iterator

from fuzz.corpora import frames as corpus_frames
from sip2d.wire.frame import Framer, FrameTooLong, seal, split_trailer, verify

SEEDS: list[bytes] = [
    b"9900302.00\r",
    b"9900302.00AY1AZFCA5\r\n",
    b"97AZFEF5\r",
    b"\n \0\xff\xfb\x1f\xff\xfb\x009900302.00\r\r",
    b"\xff\xfa\x18\x00xterm\r\xff\xf099\n97\r",
    b"2300120260101    120000AOM|AAp|AC|AD|AY10AZ 4F2\r17",
]
CAP = 200


def corpus_seeds() -> Iterator[bytes]:
    """Real messages, where they are at hand."""
    return corpus_frames()


def framed(segments: Iterable[bytes]) -> tuple[list[bytes], bool]:
    """The frames of a stream, and whether it was cut off for length."""
    framer = Framer(CAP)
    frames: list[bytes] = []
    for segment in segments:
        try:
            frames += framer.feed(segment)
        except FrameTooLong as error:
            return frames + error.frames, True
        assert len(framer.begun) <= CAP
    return frames, False


def one_input(data: bytes) -> None:
    """Checks the invariant on one stream."""
    whole = framed([data])
    assert framed(data[at : at + 1] for at in range(len(data))) == whole
    assert framed(data[at : at + 7] for at in range(0, len(data), 7)) == whole
    for frame in whole[0]:
        assert frame
        assert len(frame) <= CAP
        assert not set(frame) & set(b"\r\n\0")
        body, trailer = split_trailer(frame)
        assert frame.startswith(body)
        if trailer is not None:
            verify(trailer)
        sealed = seal(frame + b"|", b"7", True, b"")
        again, made = split_trailer(sealed)
        assert again == frame + b"|"
        assert made is not None
        assert made.sequence == b"7"
        assert verify(made, codepoints=False)
