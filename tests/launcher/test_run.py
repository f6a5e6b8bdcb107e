"""`make run` brings everything up in order, keeps it up, and leaves nothing behind."""

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.core.embedded import EmbeddedPostgres
from app.core.errors import SetupError
from tests.launcher.watching import alive, eventually, postmaster_of, processes_of
from tools.run import ONE_SIGNAL_SECONDS
from tools.run_settings import Settings

pytestmark = pytest.mark.processes


class Run:
    """One run of the supervisor over the stand-ins, seen from a terminal."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        self.ports = two_free_ports()
        clean = {k: v for k, v in os.environ.items() if k not in {"DATABASE_URL", "DEMO"}}
        self.screen = var.parent / "screen.txt"
        with self.screen.open("w") as screen:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.launcher.stand_in", "supervise", str(var)],
                stdout=screen,
                stderr=subprocess.STDOUT,
                env={
                    **clean,
                    "PYTHONPATH": str(Path.cwd()),
                    "VAR_DIR": str(var),
                    "PORT": str(self.ports[0]),
                    "SIM_PORT": str(self.ports[1]),
                    **environment,
                },
            )

    def shown(self) -> str:
        """What stands on the terminal."""
        return self.screen.read_text()

    def told(self) -> list[str]:
        """What the stand-ins wrote, without their pids."""
        file = self.var / "trace.txt"
        return (
            [re.sub(r" pid=\d+", "", line) for line in file.read_text().splitlines()]
            if file.exists()
            else []
        )

    def pids(self, part: str) -> list[int]:
        """Every process that played a part, oldest first."""
        file = self.var / "trace.txt"
        return [int(n) for n in re.findall(rf"^{part} .*pid=(\d+)", file.read_text(), re.MULTILINE)]

    def until(self, text: str) -> "Run":
        """Wait for a text on the terminal."""
        eventually(lambda: text in self.shown() or self.process.poll() is not None, text)
        assert text in self.shown(), self.shown()
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        """Ask for the end and wait for it; the exit code."""
        self.process.send_signal(number)
        return self.process.wait(30)


def two_free_ports() -> tuple[int, int]:
    """Ports nobody listens on just now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def rows_of_workers(var: Path) -> int:
    """How many workers have written into the database; -1 while it does not answer."""

    async def count() -> int:
        connection = await asyncpg.connect(EmbeddedPostgres(var).dsn)
        found: int = await connection.fetchval("SELECT count(*) FROM starts")
        await connection.close()
        return found

    try:
        return asyncio.run(count())
    except (OSError, asyncpg.PostgresError):
        return -1


@pytest.fixture
def started(var: Path) -> Iterator[Run]:
    """A run that has shown its welcome, and all of whose parts have begun."""
    run = Run(var).until("Ctrl-C")
    eventually(lambda: run.pids("channels") and run.pids("play"), "all parts have begun")
    yield run
    run.process.kill()
    run.process.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_everything_comes_up_in_order_and_goes_down_in_order(
    home: Path, started: Run, number: int
) -> None:
    assert started.end(number) == 0, started.shown()
    assert processes_of(home) == []
    told = started.told()
    assert told[0] == "load_city demo=1"
    parts = ["channels demo=1", "play demo=1", "serve demo=1", "worker demo=1"]
    assert sorted(told[1:5]) == parts
    assert told.index("serve demo=1") < told.index("play demo=1"), "it plays what is there"
    assert told[5:] == [
        "play ended",
        "serve ended",
        "worker ended",
        "channels ended",
    ]
    assert (started.var / "log" / "web.log").exists()


def test_the_screen_and_a_second_start(home: Path, started: Run) -> None:
    """The address comes first, then one login of each role, then the outbox of the simulators."""
    web, simulators = started.ports
    shown = started.shown()
    places = [
        shown.index(text)
        for text in (
            f"http://127.0.0.1:{web}",
            "red-cow",
            "blue-cow",
            "13900000001",
            f"http://127.0.0.1:{simulators}/outbox",
        )
    ]
    assert places == sorted(places)
    assert "green-cow" not in shown
    assert started.end() == 0
    again = Run(started.var).until("Ctrl-C")
    assert again.end() == 0
    assert processes_of(home) == []


def test_a_player_that_has_done_is_not_started_again(var: Path, home: Path) -> None:
    run = Run(var, MISHAP="play-is-short").until("Ctrl-C")
    eventually(lambda: len(run.pids("play")) == 1, "the player has begun")
    eventually(lambda: len(run.pids("worker")) == 1, "the worker has begun")
    eventually(lambda: not psutil.pid_exists(run.pids("play")[0]), "the player has ended")
    psutil.Process(run.pids("worker")[-1]).kill()
    eventually(lambda: len(run.pids("worker")) == 2, "the worker is started again")
    assert len(run.pids("play")) == 1
    assert "player" not in run.shown().partition("Ctrl-C")[2]
    assert run.end() == 0
    assert processes_of(home) == []


def test_a_player_that_breaks_is_started_again(var: Path, home: Path) -> None:
    run = Run(var, MISHAP="play-fails").until("player 已退出")
    assert run.end() == 0
    assert processes_of(home) == []


def test_without_a_player_nothing_moves_by_itself(var: Path, home: Path) -> None:
    run = Run(var, PLAY="0").until("Ctrl-C")
    assert "city play" not in run.shown()
    assert run.end() == 0
    assert not any(line.startswith("play") for line in run.told())
    assert processes_of(home) == []


def test_kill_9_of_the_supervisor_leaves_no_process(home: Path, started: Run) -> None:
    assert len(processes_of(home)) > 5
    started.process.kill()
    started.process.wait()
    eventually(lambda: processes_of(home) == [], "no process is left")


def test_a_worker_that_ends_is_started_again_and_the_web_goes_on(started: Run) -> None:
    web = started.pids("serve")
    for count in (1, 2, 3):
        eventually(lambda: len(started.pids("worker")) == count, "a worker")  # noqa: B023 - used at once
        psutil.Process(started.pids("worker")[-1]).kill()
    assert started.pids("serve") == web
    assert started.end() == 0


def test_a_killed_postmaster_comes_back_with_its_rows(started: Run, home: Path) -> None:
    eventually(lambda: rows_of_workers(started.var) == 1, "the worker has written")
    postmaster_of(started.var).kill()
    started.until("restarting it")
    eventually(lambda: rows_of_workers(started.var) == 2, "a new worker has written")
    assert started.end() == 0
    assert processes_of(home) == []


def test_a_deaf_process_gets_its_grace_until_the_second_ctrl_c(var: Path, home: Path) -> None:
    run = Run(var, MISHAP="serve-deaf").until("Ctrl-C")
    run.process.send_signal(signal.SIGINT)
    run.until("stopping")
    web = psutil.Process(run.pids("serve")[0])
    assert alive(web)
    asked_at = time.monotonic()
    run.process.send_signal(signal.SIGTERM)
    eventually(lambda: time.monotonic() - asked_at > ONE_SIGNAL_SECONDS, "a second has passed")
    assert alive(web)
    assert run.end(signal.SIGINT) == 0
    assert not alive(web)
    assert processes_of(home) == []


def test_ctrl_c_during_a_long_step_ends_it(var: Path, home: Path) -> None:
    run = Run(var, MISHAP="load_city-hangs")
    eventually(lambda: "load_city demo=1" in run.told(), "the city is being loaded")
    assert run.end(signal.SIGINT) == 0
    assert "serve demo=1" not in run.told()
    assert processes_of(home) == []


def test_a_failed_step_stops_the_start(var: Path, home: Path) -> None:
    run = Run(var, MISHAP="load_city-fails")
    assert run.process.wait(30) == 1
    assert "load_city broke on purpose" in run.shown()
    assert run.told() == ["load_city demo=1"]
    assert processes_of(home) == []


def test_a_web_process_that_does_not_start_is_told_with_its_last_words(
    var: Path, home: Path
) -> None:
    run = Run(var, MISHAP="serve-fails")
    assert run.process.wait(30) == 1
    assert "The web process did not start: serve broke on purpose" in run.shown()
    assert processes_of(home) == []


@pytest.mark.parametrize(("which", "name"), [(0, "PORT"), (1, "SIM_PORT")])
def test_a_busy_port_is_told_before_anything_starts(new_var: Path, which: int, name: str) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        run = Run(new_var, **{name: str(port)})
        assert run.process.wait(30) == 1
    assert re.fullmatch(rf"\s*Port {port} is busy: .*make run {name}=\d+.*\s*", run.shown())
    assert not new_var.exists()


def test_with_a_database_of_ones_own_nothing_of_the_demo_runs(new_var: Path, home: Path) -> None:
    with EmbeddedPostgres(home / "elsewhere") as server:
        run = Run(new_var, DATABASE_URL=server.dsn).until("Ctrl-C")
        assert "demo" not in run.shown()
        assert "city play" not in run.shown()
        assert str(run.ports[1]) not in run.shown()
        assert run.end() == 0
    assert set(run.told()) <= {
        *("migrate demo=0", "serve demo=0", "worker demo=0"),
        *("serve ended", "worker ended"),
    }
    assert not (new_var / "pg18").exists()
    assert processes_of(home) == []


def test_a_database_of_ones_own_may_be_a_demo_on_request(new_var: Path, home: Path) -> None:
    with EmbeddedPostgres(home / "elsewhere") as server:
        run = Run(new_var, DATABASE_URL=server.dsn, DEMO="1").until("red-cow")
        assert run.end() == 0
    assert run.told()[0] == "load_city demo=1"


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PORT": "eighty"}, "PORT=eighty is no port"),
        ({"SIM_PORT": "70000"}, "SIM_PORT=70000 is no port"),
        ({"PORT": "9000", "SIM_PORT": "9000"}, "both 9000"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(SetupError, match=said):
        Settings.from_environment(environment)
