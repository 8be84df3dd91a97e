"""A live demo for the tests of this folder, started once a worker."""

from collections.abc import Iterator

import pytest

from tests.conformance.live import Live, serve


@pytest.fixture(scope="package")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """The demo library behind a real daemon on a real socket. Its logs are at their chattiest."""
    with serve(tmp_path_factory.mktemp("live")) as running:
        yield running
