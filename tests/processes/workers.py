"""Worker processes over the tests' own jobs, for tests that kill, stop and freeze them."""

import multiprocessing.context
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from app.core.db import Database
from tests.fixtures.foundation import eventually
from tests.load.programs import PRELOADED
from tests.processes.worker_entry import Settings
from tests.processes.worker_entry import run as run_worker_process


@pytest.fixture(scope="session")
def forks() -> multiprocessing.context.ForkServerContext:
    """A process that has imported everything once and forks workers."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Worker:
    """One worker process and what it wrote."""

    def __init__(self, process: BaseProcess, log: Path) -> None:
        self.process = process
        self._log = log

    @property
    def words(self) -> str:
        """What it has logged so far."""
        return self._log.read_text() if self._log.exists() else ""

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        if self.process.is_alive() and self.process.pid is not None:
            os.kill(self.process.pid, number)

    async def ended(self, *, within_seconds: float = 30) -> int | None:
        """Its exit code."""

        async def over() -> bool:
            return not self.process.is_alive()

        await eventually(over, within_seconds=within_seconds)
        return self.process.exitcode

    async def started(self) -> None:
        """Wait until it works."""

        async def said_so() -> bool:
            assert self.process.is_alive(), self.words
            return "jobs.running" in self.words

        await eventually(said_so)


Start = Callable[..., Worker]


@pytest.fixture
def start(
    real: Database, tmp_path: Path, forks: multiprocessing.context.ForkServerContext
) -> Iterator[Start]:
    """Starts workers; whoever is left is killed at the end."""
    workers: list[Worker] = []

    def run(**wanted: Any) -> Worker:
        log = tmp_path / f"worker-{len(workers)}.log"
        settings = replace(Settings(url=real.url, log=log), **wanted)
        process = forks.Process(target=run_worker_process, args=(settings,))
        process.start()
        workers.append(Worker(process, log))
        return workers[-1]

    yield run
    for worker in workers:
        worker.signal(signal.SIGKILL)
        worker.process.join()
        worker.process.close()
