"""The product's own commands in processes that are killed and started again."""

import asyncio
import contextlib
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.process import BaseProcess
from pathlib import Path

import psutil

from app.core import idempotency
from tests.fixtures.foundation import eventually

PRELOADED = [
    *("tests.load.programs", "tests.processes.worker_entry"),
    *("app.cli", "app.notifications.templates", "simulators.channels.server"),
]


@dataclass(frozen=True, slots=True)
class Command:
    """`python -m MODULE WORDS` with an environment; it writes to `log`.

    `lease_seconds`: how long a killed request keeps its Idempotency-Key; the product's own if None.
    """

    module: str
    words: tuple[str, ...]
    environment: Mapping[str, str]
    log: Path
    lease_seconds: float | None = None


def run(command: Command) -> None:
    """Be the command, as the interpreter would start it, without importing it all once more."""
    with command.log.open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.environ.update(command.environment)
    if command.lease_seconds is not None:
        idempotency.LEASE = timedelta(seconds=command.lease_seconds)
    sys.argv = [command.module, *command.words]
    runpy.run_module(command.module, run_name="__main__", alter_sys=True)


class Program:
    """One such process."""

    def __init__(self, process: BaseProcess, log: Path) -> None:
        self._process = process
        self._log = log

    @property
    def pid(self) -> int:
        """Its number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    @property
    def words(self) -> str:
        """What it has written."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def rss_bytes(self) -> int:
        """Memory it holds."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it lives."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def ended(self, *, within_seconds: float = 30) -> int | None:
        """Its exit code, when it is over."""

        async def over() -> bool:
            return not self.is_alive

        await eventually(over, within_seconds=within_seconds)
        return self._process.exitcode

    async def kill(self) -> None:
        """End it with kill -9."""
        self.signal(signal.SIGKILL)
        await asyncio.to_thread(self._process.join)

    def close(self) -> None:
        """End it and forget it."""
        self._process.kill()
        self._process.join()
        self._process.close()


class Programs:
    """Starts commands; whoever is left is killed at the end."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(PRELOADED)
        self._started: list[Program] = []

    def start(self, command: Command) -> Program:
        """A process that runs it."""
        process = self._context.Process(target=run, args=(command,))
        process.start()
        self._started.append(Program(process, command.log))
        return self._started[-1]

    def close(self) -> None:
        """End them all."""
        for program in self._started:
            program.close()
        self._started.clear()


@contextlib.contextmanager
def programs() -> Iterator[Programs]:
    """A set of processes that ends with the block."""
    made = Programs()
    try:
        yield made
    finally:
        made.close()
