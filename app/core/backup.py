"""Backup and restore by the server's own programs."""

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from app.core.embedded import EmbeddedPostgres
from app.core.errors import SetupError

_BEGIN = b"""
BEGIN;
SET LOCAL client_min_messages = warning;
DO $$
DECLARE
    statement text;
BEGIN
    FOREACH statement IN ARRAY array(
       (SELECT format('DROP %s IF EXISTS %s CASCADE',
                      CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW'
                                   WHEN 'm' THEN 'MATERIALIZED VIEW' ELSE 'TABLE' END,
                      oid::regclass)
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'S', 'v', 'm')
         ORDER BY relkind = 'S')
         UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', oid::regprocedure) FROM pg_proc p
         WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS
               (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid
                                        AND deptype = 'e')
         UNION ALL
        SELECT format('DROP TYPE IF EXISTS %s CASCADE', oid::regtype) FROM pg_type
         WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd'))
    LOOP
        EXECUTE statement;
    END LOOP;
END $$;
"""
"""A dump does not know the tables that newer code has made since: everything goes first."""


def dump(url: str, *, to: Path, var: Path) -> None:
    """Write a compressed dump (0600); the file appears only when complete. Raises SetupError."""
    partial = to.with_name(to.name + ".part")
    try:
        done = subprocess.run(  # noqa: S603  # our own program with our own arguments
            [_program("pg_dump", var), "--format=custom", "--no-owner", f"--file={partial}"],
            env=_environment(url),
            capture_output=True,
            check=False,
            umask=0o077,
        )
        if done.returncode != 0:
            raise SetupError(f"pg_dump failed: {_last_line(done.stderr)}. No backup was written.")
        partial.replace(to)
    finally:
        partial.unlink(missing_ok=True)


def restore(url: str, *, source: Path, var: Path) -> None:
    """Replace the database's content by a dump's, all or nothing. Raises SetupError."""
    if not source.is_file():
        raise SetupError(f"{source} is not a file: name a backup made by `python -m app backup`.")
    reader = [_program("pg_restore", var), "--no-owner", "--file=-", str(source)]
    writer = [_program("psql", var), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1"]
    with (
        subprocess.Popen(  # noqa: S603  # our own program with our own arguments
            reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as reading,
        subprocess.Popen(  # noqa: S603  # our own program with our own arguments
            writer,
            env=_environment(url),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as writing,
    ):
        _copy(reading, writing)
        complaint = writing.stderr.read() if writing.stderr else b""
        if reading.stdout is not None:
            reading.stdout.close()
        if writing.wait() != 0:
            raise SetupError(f"psql failed: {_last_line(complaint)}. Nothing was changed.")
        if reading.wait() != 0:
            told = reading.stderr.read() if reading.stderr else b""
            raise SetupError(f"pg_restore failed: {_last_line(told)}. Nothing was changed.")


def _copy(reading: "subprocess.Popen[bytes]", writing: "subprocess.Popen[bytes]") -> None:
    if reading.stdout is None or writing.stdin is None:
        raise RuntimeError("both programs are started with pipes")
    with suppress(BrokenPipeError):  # psql has given up; it says why
        writing.stdin.write(_BEGIN)
        shutil.copyfileobj(reading.stdout, writing.stdin)
        # Without these words the server rolls back: a dump read half is not restored half.
        if reading.wait() == 0:
            writing.stdin.write(b"COMMIT;\n")
    with suppress(BrokenPipeError):
        writing.stdin.close()


def _environment(url: str) -> dict[str, str]:
    address = urlsplit(url.replace("+asyncpg", ""))
    query = parse_qs(address.query)
    return dict(os.environ) | {
        "PGHOST": query.get("host", [address.hostname or "localhost"])[0],
        "PGPORT": str(address.port or 5432),
        "PGUSER": unquote(address.username or ""),
        "PGPASSWORD": unquote(address.password or ""),
        "PGDATABASE": unquote(address.path.lstrip("/")),
        "PGSSLMODE": query.get("ssl", query.get("sslmode", ["prefer"]))[0],
        "PGOPTIONS": "",
    }


def _last_line(told: bytes) -> str:
    return (told.decode(errors="replace").strip().splitlines() or ["no message"])[-1]


def _program(name: str, var: Path) -> str:
    embedded = EmbeddedPostgres(var).binary(name)
    if embedded.exists():
        return str(embedded)
    found = shutil.which(name)
    if found is None:
        raise SetupError(f"{name} was not found: install the PostgreSQL 18 client programs.")
    return found
