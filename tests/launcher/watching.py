"""Looking at processes from outside."""

import time
from collections.abc import Callable
from pathlib import Path

import psutil

from app.core.embedded_files import ServerFiles

PATIENCE_SECONDS = 30.0


def eventually(fact: Callable[[], object], what: str) -> None:
    """Wait until `fact` is true; fail with `what` after half a minute."""
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while not fact():
        if time.monotonic() > give_up_at:
            raise AssertionError(f"still not true: {what}")
        time.sleep(0.02)


def processes_of(home: Path) -> list[psutil.Process]:
    """Live processes whose command line names `home`, or that serve the data in `home/var`."""
    cluster = ServerFiles(home / "var").cluster
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        line = " ".join(process.info["cmdline"] or ())
        if process.info["status"] != psutil.STATUS_ZOMBIE and (
            str(home) in line or cluster in line
        ):
            found.append(process)
    return found


def alive(process: psutil.Process) -> bool:
    """Whether it still runs; a dead one that nobody has buried yet does not count."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def postmaster_of(var: Path) -> psutil.Process:
    """The server's first process."""
    return psutil.Process(int((var / "pg18" / "postmaster.pid").read_text().split()[0]))
