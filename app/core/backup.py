"""Backup and restore by the server's own programs."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from app.core.embedded import EmbeddedPostgres
from app.core.errors import SetupError


def dump(url: str, *, to: Path, var: Path) -> None:
    """Write a compressed dump; the file appears only when it is complete. Raises SetupError."""
    partial = to.with_name(to.name + ".part")
    try:
        _run("pg_dump", url, var, "--format=custom", "--no-owner", f"--file={partial}")
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)


def restore(url: str, *, source: Path, var: Path) -> None:
    """Replace the database's content by a dump's, all or nothing. Raises SetupError."""
    if not source.is_file():
        raise SetupError(f"{source} is not a file: name a backup made by `python -m app backup`.")
    _run(
        "pg_restore",
        url,
        var,
        "--clean",
        "--if-exists",
        "--no-owner",
        "--single-transaction",
        str(source),
    )


def _run(program: str, url: str, var: Path, *arguments: str) -> None:
    found = _program(program, var)
    address = urlsplit(url.replace("+asyncpg", ""))
    query = parse_qs(address.query)
    environment = dict(os.environ)
    environment |= {
        "PGHOST": query.get("host", [address.hostname or "localhost"])[0],
        "PGPORT": str(address.port or 5432),
        "PGUSER": unquote(address.username or ""),
        "PGPASSWORD": unquote(address.password or ""),
        "PGDATABASE": address.path.lstrip("/"),
    }
    target = ["--dbname", environment["PGDATABASE"]] if program == "pg_restore" else []
    done = subprocess.run(  # noqa: S603  # our own program with our own arguments
        [found, *target, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise SetupError(f"{program} failed: {last}. Nothing was changed.")


def _program(name: str, var: Path) -> str:
    embedded = EmbeddedPostgres(var).binary(name)
    if embedded.exists():
        return str(embedded)
    found = shutil.which(name)
    if found is None:
        raise SetupError(f"{name} was not found: install the PostgreSQL 18 client programs.")
    return found
