"""The supervisor behind `make run`: database, migrations, demo city, web, worker, simulators, player.

Reads PORT, SIM_PORT, VAR_DIR, DATABASE_URL, DEMO and PLAY; the children get the same names. Without
DATABASE_URL the embedded PostgreSQL is started and the installation is a demo; with it, nothing of
the demo runs unless DEMO=1. Ctrl-C, SIGTERM or a closed terminal ends all of it; another one a second
later does so at once. Children watch a pipe (`app.core.supervised`), so not even kill -9 leaves any behind.
"""

import asyncio
import contextlib
import http.client
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from app.core.embedded import EmbeddedPostgres
from app.core.errors import SetupError
from app.core.supervised import PIPE_VARIABLE
from tools.run_screen import last_line, show, show_progress, show_welcome
from tools.run_settings import HOST, Settings

HEALTHY_WITHIN_SECONDS = 60.0
STEADY_AFTER_SECONDS = 60.0
DATABASE_WATCH_SECONDS = 2.0
LONGEST_RESTART_DELAY_SECONDS = 30.0
ONE_SIGNAL_SECONDS = 1.0
LARGEST_LOG_BYTES = 10_000_000
T = TypeVar("T")


class Stopped(Exception):
    """Ctrl-C or SIGTERM arrived while something was awaited."""


def _module(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "app.core.supervised", *words)


@dataclass(frozen=True, slots=True)
class Commands:
    """What is run; tests put small stand-ins in the place of ours."""

    migrate: Sequence[str] = _module("app", "migrate")
    load_city: Sequence[str] = _module("simulators", "city", "load")
    serve: Sequence[str] = _module("app", "serve")
    worker: Sequence[str] = _module("app", "worker")
    channels: Sequence[str] = _module("simulators", "channels")
    play: Sequence[str] = _module("simulators", "city", "play", "--once-a-day")


@dataclass(slots=True)
class Child:
    """One process that is to run until the end."""

    name: str
    command: Sequence[str]
    grace_seconds: float
    log: Path
    is_guest: bool = False
    """Uses the others: begins after them, ends before them, and may have done when it ends with 0."""
    process: asyncio.subprocess.Process | None = None


class Supervisor:
    """Starts everything in order, keeps it running, ends it in order."""

    def __init__(
        self, settings: Settings, *, commands: Commands | None = None, restart_seconds: float = 1.0
    ) -> None:
        self._settings = settings
        self._commands = commands or Commands()
        self._restart_seconds = restart_seconds
        self._postgres = None if settings.database_url else EmbeddedPostgres(settings.var)
        self._environment = dict(os.environ)
        self._children: list[Child] = []
        self._database_thread = ThreadPoolExecutor(1, "database")
        self._asked_at: float | None = None
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()
        self._watched, self._held = os.pipe()

    async def run(self) -> int:
        """Run until somebody asks for the end; the exit code: 0, or 1 when it could not start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup
                loop.add_signal_handler(number, self._on_signal)
        try:
            self._settings.check_ports()
            try:
                await self._start()
                show_welcome(self._settings)
                await self._keep_running()
            finally:
                await self._end()
        except Stopped:
            show_progress("已全部停止 everything has ended")
            return 0
        except SetupError as error:
            show(f"\n{error}", to=sys.stderr)
            return 1
        finally:
            self._database_thread.shutdown()
            os.close(self._watched)
            os.close(self._held)
        return 0

    def _on_signal(self) -> None:
        # make, the shell and the terminal may each pass on the same Ctrl-C or SIGTERM.
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._stop.set()
        elif time.monotonic() - self._asked_at > ONE_SIGNAL_SECONDS:
            self._hurry.set()

    async def _start(self) -> None:
        settings, commands = self._settings, self._commands
        await self._start_database()
        logs = settings.log_directory()
        self._environment |= {
            "HOST": HOST,
            "PORT": str(settings.port),
            "SIM_PORT": str(settings.sim_port),
            "VAR_DIR": str(settings.var),
            "DEMO": "1" if settings.demo else "0",
            "PYTHONUNBUFFERED": "1",
        }
        if settings.demo:
            await self._step("演示城市 demo city: keys, migrations, households", commands.load_city)
        else:
            await self._step("数据库升级 migrations", commands.migrate)
        show_progress(
            "启动网站与后台 starting web and worker" + (", simulators" if settings.demo else "")
        )
        self._children = [
            Child("web", commands.serve, 10.0, logs / "web.log"),
            Child("worker", commands.worker, 30.0, logs / "worker.log"),
        ]
        if settings.demo:
            self._children.append(
                Child("simulators", commands.channels, 5.0, logs / "simulators.log")
            )
        for child in self._children:
            await self._launch(child)
        await self._or_stop(self._until_healthy(self._children[0]))
        if settings.play:
            player = Child("player", commands.play, 8.0, logs / "player.log", is_guest=True)
            self._children.append(player)
            await self._launch(player)

    async def _start_database(self) -> None:
        if self._postgres is None:
            show_progress("使用外部数据库 using DATABASE_URL")
            return
        show_progress(f"启动数据库 starting PostgreSQL in {self._settings.var}")
        self._environment = {k: v for k, v in self._environment.items() if not k.startswith("PG")}
        self._environment["DATABASE_URL"] = await self._or_stop(
            self._at_database(self._postgres.start)
        )

    async def _step(self, label: str, command: Sequence[str]) -> None:
        show_progress(label)
        process = await self._spawn(command, output=None)
        try:
            code = await self._or_stop(_exit_code(process))
        finally:
            await self._finish(process, 10.0)
        if code:
            raise SetupError(f"{label}: failed with exit code {code}, see above. 启动未完成。")

    async def _launch(self, child: Child) -> None:
        if child.log.exists() and child.log.stat().st_size > LARGEST_LOG_BYTES:
            child.log.replace(child.log.with_suffix(".log.1"))
        with child.log.open("ab") as log:
            child.process = await self._spawn(child.command, output=log)

    async def _spawn(
        self, command: Sequence[str], *, output: io.BufferedWriter | None
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=self._environment | {PIPE_VARIABLE: str(self._watched)},
            pass_fds=(self._watched,),
            start_new_session=True,
        )

    async def _until_healthy(self, web: Child) -> None:
        if web.process is None:
            return
        deadline = time.monotonic() + HEALTHY_WITHIN_SECONDS
        ended = asyncio.ensure_future(web.process.wait())
        try:
            while not await asyncio.to_thread(_answers, self._settings.port):
                if ended.done() or time.monotonic() > deadline:
                    raise SetupError(
                        f"The web process did not start: {last_line(web.log)} (see {web.log})"
                    )
                await asyncio.wait((ended,), timeout=0.1)
        finally:
            ended.cancel()

    async def _keep_running(self) -> None:
        keepers = [asyncio.ensure_future(self._keep(child)) for child in self._children]
        keepers.append(asyncio.ensure_future(self._keep_database()))
        try:
            done, _ = await self._or_stop(
                asyncio.wait(keepers, return_when=asyncio.FIRST_EXCEPTION)
            )
            for keeper in done:
                keeper.result()
        finally:
            await _cancel(*keepers)

    async def _keep(self, child: Child) -> None:
        # A worker leaves on purpose when its database connection breaks: it is started again,
        # after 1, 2, 4 ... 30 s, so five times in a minute at the most.
        delay = self._restart_seconds
        while child.process is not None:
            began = time.monotonic()
            code = await _exit_code(child.process)
            if time.monotonic() - began > STEADY_AFTER_SECONDS:
                delay = self._restart_seconds
            if child.is_guest and code == 0:
                return
            show_progress(f"{child.name} 已退出 exited ({code}), 重启 restarting in {delay:.0f} s")
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_RESTART_DELAY_SECONDS)
            await self._launch(child)

    async def _keep_database(self) -> None:
        # A full disk keeps it from starting until somebody makes room.
        delay = DATABASE_WATCH_SECONDS
        while self._postgres is not None:
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_RESTART_DELAY_SECONDS)
            if await self._at_database(self._postgres.is_running):
                delay = DATABASE_WATCH_SECONDS
                continue
            show_progress("数据库已退出，重启 PostgreSQL is gone, restarting it")
            try:
                await self._at_database(self._postgres.start)
                delay = DATABASE_WATCH_SECONDS
            except SetupError as error:
                show_progress(f"数据库未能启动，{delay:.0f} 秒后再试 trying again: {error}")

    async def _at_database(self, step: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database_thread, step)

    async def _finish(self, process: asyncio.subprocess.Process, grace_seconds: float) -> None:
        if process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        ended = asyncio.ensure_future(process.wait())
        hurry = asyncio.ensure_future(self._hurry.wait())
        await asyncio.wait(
            (ended, hurry), timeout=grace_seconds, return_when=asyncio.FIRST_COMPLETED
        )
        await _cancel(ended, hurry)
        if process.returncode is None:
            _kill_group(process)
        await _exit_code(process)

    async def _end(self) -> None:
        show_progress("正在停止 stopping")
        for child in sorted(self._children, key=lambda child: not child.is_guest):
            if child.process is not None:
                await self._finish(child.process, child.grace_seconds)
        if self._postgres is not None:
            await self._at_database(self._postgres.stop)

    async def _or_stop(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, or Stopped as soon as somebody asks for the end."""
        task, stop = asyncio.ensure_future(work), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait((task, stop), return_when=asyncio.FIRST_COMPLETED)
            if self._stop.is_set():
                raise Stopped
            return task.result()
        finally:
            await _cancel(task, stop)


async def _exit_code(process: asyncio.subprocess.Process) -> int:
    """Wait for a child; what it may have started itself goes with it."""
    code = await process.wait()
    _kill_group(process)
    return code


def _kill_group(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


async def _cancel(*tasks: asyncio.Future[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def main() -> int:
    """Run until the end; the exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        return asyncio.run(_run(Settings.from_environment(os.environ)))
    except SetupError as error:
        show(str(error), to=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


async def _run(settings: Settings) -> int:
    return await Supervisor(settings).run()


if __name__ == "__main__":
    sys.exit(main())
