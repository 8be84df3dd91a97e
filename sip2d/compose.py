"""Settings to running parts. The only module that knows every room."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sip2d import packaged
from sip2d.batch import runner
from sip2d.batch.journal import Journal
from sip2d.batch.preflight import Server
from sip2d.batch.runner import Ending, Told
from sip2d.circulation.wording import Catalogue
from sip2d.config import Settings
from sip2d.daemon.access_log import AccessLog
from sip2d.daemon.acs import Acs
from sip2d.daemon.admission import Admission
from sip2d.daemon.connection import Connection
from sip2d.daemon.front import Front
from sip2d.daemon.inside import Place, inside
from sip2d.daemon.lifecycle import Daemon
from sip2d.daemon.listener import Peer
from sip2d.daemon.metrics import Metrics
from sip2d.daemon.notice_metrics import NoticeFigures
from sip2d.daemon.offline_metrics import Answer, OfflineFigures
from sip2d.daemon.pins import Pins, PinSettings
from sip2d.daemon.reload import Source
from sip2d.errors import ConfigurationError
from sip2d.jobs import delivery
from sip2d.jobs.catalogue import jobs
from sip2d.jobs.holder import this_process
from sip2d.jobs.job import Job
from sip2d.jobs.scheduler import Scheduler
from sip2d.notices.post import Post
from sip2d.store import migrate, offline
from sip2d.store.aside import Aside
from sip2d.store.executor import Store
from sip2d.wire import codec
from sip2d.wire.profile import Profile, ProfileError, load_profiles


def prepare_database(settings: Settings) -> None:
    """Migrates the database where the settings say so, and makes sure that it is current.

    Raises:
        ConfigurationError: it is behind, and migrating it is the operator's to do.
        StoreUnavailable: it cannot be asked.
    """
    url = settings.database.full_url
    sqlite = settings.database.sqlite_file is not None
    if settings.database.auto_upgrade == "always" or (sqlite and settings.database.auto_upgrade == "sqlite"):
        migrate.upgrade(url)
    migrate.require_current(url)


def profiles(folder: Path | None) -> dict[str, Profile]:
    """The vendor profiles of a folder, or those that come with sip2d (ConfigurationError)."""
    try:
        found = load_profiles(packaged.config("profiles"), *([folder] if folder else []))
    except ProfileError as error:
        raise ConfigurationError(str(error)) from None
    for profile in found.values():
        codec.compile_all(profile)  # no kiosk waits for it then
    return found


def catalogue(folder: Path | None) -> Catalogue:
    """The screen texts of a folder, or those that come with sip2d (ConfigurationError)."""
    try:
        return Catalogue.load(folder) if folder else Catalogue.shipped()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"screen texts: {error}") from None


def post_office(settings: Settings) -> Post:
    """What notices are written with and sent by. Raises ConfigurationError: a template of the folder is
    wrong."""
    post = Post.open(settings.smtp, settings.paths)
    try:
        post.texts()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"notice templates: {error}") from None
    return post


def all_jobs(post: Post) -> tuple[Job, ...]:
    """The catalogue, with a delivery that has this post office."""
    return jobs(delivery.job(post))


def scheduler(settings: Settings, store: Store, metrics: Metrics) -> Scheduler:
    """The jobs of a daemon, not started yet."""
    post = post_office(settings)
    metrics.registry.register(NoticeFigures(lambda: post.figures.results, lambda: post.figures.states))
    return Scheduler(store, all_jobs(post), this_process(), told=metrics.jobs.ended, known=metrics.jobs.known)


def attempt_inside(
    url: str, place: Place, journal: Journal, told: Told, cancelled: Callable[[], bool]
) -> Ending:
    """Attempts a batch in this process: the same runner, the same session, exchange and unit as over the
    network, with the daemon running or not.

    Raises:
        StoreUnavailable: the database cannot be asked.
    """

    async def attempt() -> Ending:
        async with inside(url, place) as connect:
            server = Server(host="this machine", port=0, local="this process", connect=connect)
            return await runner.run(journal, server, told=told, cancelled=cancelled)

    return asyncio.run(attempt())


def _ask_backlog(store: Store, answer: Answer) -> None:
    store.submit(False, "offline.backlog", offline.backlog, lambda found, _fault: answer(found))


async def compose(settings: Settings, source: Source | None = None) -> Daemon:
    """A daemon that is ready to start, on the running loop. Close its store and aside with ``Daemon.run``'s
    end.

    Raises:
        ConfigurationError, StoreUnavailable: it cannot be put together.
    """
    loop = asyncio.get_running_loop()
    url = settings.database.full_url
    dialects, texts = profiles(settings.paths.profiles), catalogue(settings.paths.messages)
    aside = Aside.open(url)
    library = await aside.library()
    store = Store.open(
        url,
        post=loop.call_soon_threadsafe,
        max_queue=settings.database.max_queue,
        readers=None if settings.database.sqlite_file else settings.database.readers,
        writers=None if settings.database.sqlite_file else settings.database.writers,
    )
    admission = Admission(library, per_address=settings.limits.per_address)
    pins = Pins(PinSettings(**settings.hash.model_dump()))
    metrics, access = Metrics(), AccessLog.open(settings.logging)
    metrics.registry.register(OfflineFigures(lambda answer: _ask_backlog(store, answer)))
    front = Front(
        Acs(store, pins, admission, dialects, texts), metrics, access, lambda: daemon.gatehouse.limits, loop
    )

    def connection(peer: Peer) -> Connection:
        return Connection(front, peer)

    daemon = Daemon(
        settings,
        store=store,
        aside=aside,
        connections=front,
        admission=admission,
        metrics=metrics,
        factory=connection,
        pins=pins,
        access_log=access,
        schema_current=lambda: migrate.is_current(url),
        background=scheduler(settings, store, metrics) if settings.jobs.enabled else None,
        source=source,
    )
    return daemon
