"""The database's disk fills up under load: refused cleanly, and all serve again once there is room (F8)."""

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.core.clock import wall_now
from app.core.embedded import EmbeddedPostgres
from tests.fixtures.doses import dose
from tests.fixtures.figures import note_figure
from tests.fixtures.foundation import eventually
from tests.fixtures.invariants import assert_invariants
from tests.load.calling import Caller, caller
from tests.load.commands import SAFETY, Clients
from tests.load.whole import Whole, load_small_city, open_var, supervised, two_ports

pytestmark = pytest.mark.processes

FILLS = dose(1, 5)
FULL_SECONDS = dose(1, 20)
CLIENTS = 4
ROOM_BYTES = 100_000_000
"""What is free besides the loaded city, before it is filled."""
CHUNK = bytes(1_000_000)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """`folder` on a file system that has little room; skipped where nobody may mount one."""
    kept = folder.with_name("kept")
    folder.rename(kept)
    folder.mkdir(0o700)
    used = sum(file.stat().st_size for file in kept.rglob("*") if file.is_file())
    owner = f"uid={kept.stat().st_uid},gid={kept.stat().st_gid},mode=0700"
    options = f"size={used + ROOM_BYTES},{owner}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no permission to mount a small file system: {mounted.stderr.strip()}")
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", folder], check=True)
        shutil.rmtree(kept)
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path) -> Path:
    """Take all that is free, with a file of the server's account."""
    filler = disk / "filler"
    with filler.open("ab", buffering=0) as file:
        os.fchown(file.fileno(), disk.stat().st_uid, disk.stat().st_gid)
        try:
            while file.write(CHUNK):
                pass
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
    return filler


async def use_up_the_log(whole: Whole) -> None:
    """Ask for new log files until there is none, as days of work would."""
    url = EmbeddedPostgres(whole.var).dsn.replace("app@", "postgres@")
    with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection = await asyncpg.connect(url)
        try:
            while True:
                await connection.execute("SELECT pg_switch_wal()")
                await connection.execute("CREATE TEMP TABLE IF NOT EXISTS unlogged_in_vain (n int)")
        finally:
            connection.terminate()


async def test_a_full_disk_is_refused_cleanly_and_mends_by_itself() -> None:
    ports = two_ports()
    async with open_var() as var:
        people = await load_small_city(var, households=dose(200, 5_000), sim_port=ports[1])
        with small_disk(var / "pg18"):
            async with supervised(var, people, ports=ports) as (whole, supervisor):
                try:
                    await fill_under_load(whole)
                except BaseException as error:
                    for log in (var / "log").glob("*.log"):
                        error.add_note(f"{log.name}:\n{log.read_text(errors='replace')[-4000:]}")
                    error.add_note(supervisor.words[-2000:])
                    raise
                assert supervisor.is_alive, supervisor.words


async def fill_under_load(whole: Whole) -> None:
    is_over = False
    async with caller(whole.port) as calls:
        clients = Clients(whole.people, calls, whole.database)

        async def fill_and_free() -> None:
            nonlocal is_over
            for _ in range(FILLS):
                await refused_while_full(whole, calls)
                freed_at = asyncio.get_running_loop().time()
                await clients.until_somebody_ordered(since=freed_at)
                note_figure(
                    "full_disk_serves_again", asyncio.get_running_loop().time() - freed_at, "s", 60
                )
            is_over = True

        async with asyncio.TaskGroup() as group:
            group.create_task(fill_and_free())
            group.create_task(clients.work(CLIENTS, until=lambda: is_over))
        assert calls.unexpected == []
        await whole.database.dispose()
        await eventually(whole.answers, within_seconds=60)
        await clients.assert_one_effect_each()
    async with whole.database.transaction() as session:
        await assert_invariants(session, wall_now(), only=SAFETY)


async def refused_while_full(whole: Whole, calls: Caller) -> None:
    refused = calls.statuses[503]
    filler = fill(whole.var / "pg18")
    try:
        await use_up_the_log(whole)

        async def is_refused() -> bool:
            return calls.statuses[503] > refused

        await eventually(is_refused, within_seconds=60)
        await asyncio.sleep(FULL_SECONDS)
    finally:
        filler.unlink()
