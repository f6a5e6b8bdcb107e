"""Fixtures for every test: one PostgreSQL server, a cloned database per worker, rolled back."""

import gc
import os
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import HealthCheck, settings

from tests.fixtures.doses import SOAK
from tests.fixtures.order import begin_with_the_longest
from tests.fixtures.server import TEST_SERVER, start_server

pytest.register_assert_rewrite("tests.load")  # so that what differs is told

pytest_plugins = [
    "tests.fixtures.application",
    "tests.fixtures.database",
    "tests.fixtures.payments",
    "tests.fixtures.documents",
    "tests.fixtures.figures",
    "tests.fixtures.logs",
    "tests.fixtures.site",
]

# Every test worker and every program that tests start would else compile the whole product anew.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A picture of a traceback with all its variables takes half a minute, in which nothing is answered.
structlog.configure(
    processors=[
        *structlog.get_config()["processors"][:-1],
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)

for name, examples in (("test", 50), ("soak", 2000)):
    settings.register_profile(
        name,
        max_examples=examples,
        deadline=None,
        derandomize=name == "test",
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )
settings.load_profile("soak" if SOAK else "test")


def pytest_configure(config: pytest.Config) -> None:
    """Start the server once, in the process that hands out work."""
    if not hasattr(config, "workerinput") and TEST_SERVER not in os.environ:
        config.stash[_STOP] = start_server(Path("var/test"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each of several workers begin with what takes longest."""
    worker: dict[str, int] = getattr(config, "workerinput", {})
    if "workercount" in worker:
        begin_with_the_longest(items, worker["workercount"])


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep the half million objects of modules and tests out of the garbage collector's sight."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started here."""
    stop = config.stash.get(_STOP, None)
    if stop is not None:
        next(stop, None)


_STOP: pytest.StashKey[Iterator[None]] = pytest.StashKey()
