"""JB-13: the outbox is delivered: notices are written, mailed and printed. Every minute, at least once each.

It is the only job that touches the world outside the database: it needs a post office, which the
configuration makes.
"""

from functools import cache
from typing import Any, Final

from sip2d.jobs.job import Job, Pieces, Run, read, write
from sip2d.notices import outbox
from sip2d.notices.outbox import Page
from sip2d.notices.post import Post
from sip2d.notices.texts import Texts
from sip2d.store import notices
from sip2d.store.unit import Unit

MOST_PAGES: Final = 15
"""Pages of one run and transport: 300 letters a minute."""


def job(post: Post) -> Job:
    """The job of a post office."""
    return Job(
        name="delivery",
        code="JB-13",
        title="Write, mail and print the notices that wait",
        schedule="* * * * *",
        per="site",
        catch_up="last",
        body=lambda run: _deliver(run, post),
    )


def _deliver(run: Run, post: Post) -> Pieces:
    yield from _write(run, post)
    for transport in post.transports:
        if not run.dry_run:  # what is sent cannot be rolled back
            yield from _send(run, post, transport)
    post.figures.states = yield read(notices.counts)


def _write(run: Run, post: Post) -> Pieces:
    texts, after = post.texts(), 0
    for _ in range(MOST_PAGES):

        def page(unit: Unit, after: int = after) -> Page:
            return outbox.write_page(unit, texts, run.as_of, after)

        done: Page = yield write(page)
        for state, by in done.states.items():
            run.tally.count(state.lower(), by)
        after = done.last_id
        if not after:
            return


def _send(run: Run, post: Post, transport: str) -> Pieces:
    for _ in range(MOST_PAGES):
        letters = yield write(lambda unit: outbox.claim(unit, run.as_of, transport))
        if not letters:
            return
        fared = post.send(run.library, transport, letters, run.as_of)

        def record(unit: Unit, fared: Any = fared) -> dict[str, int]:
            return outbox.record(unit, fared, run.as_of)

        results: dict[str, int] = yield write(record)
        for result, by in results.items():
            run.tally.count(result, by)
            post.figures.count(transport, result, by)
        if "deferred" in results:
            return  # the relay is away: the next minute tries again


@cache
def _shipped() -> Texts:
    return Texts.shipped()


JOB: Final = job(Post(_shipped))
"""Without a post office: notices are written, and wait."""
