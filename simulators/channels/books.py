"""A channel's books in one SQLite file, so that a restart forgets no payment."""

import sqlite3
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_Row = TypeVar("_Row", bound="DataclassInstance")


def _stored(value: object) -> object:
    if isinstance(value, datetime):
        # fixed width, so that text order is time order
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return value


def _loaded(kind: type[_Row], row: sqlite3.Row) -> _Row:
    values: dict[str, Any] = {}
    for field in fields(kind):
        value = row[field.name]
        if field.name.endswith("_at") and value is not None:
            value = datetime.fromisoformat(value)
        values[field.name] = value
    return kind(**values)


class Books:
    """Reads and writes of dataclass rows; `None` keeps them in memory."""

    def __init__(self, path: Path | None, schema: str) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(path or ":memory:", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        if path is not None:
            path.chmod(0o600)
            # a killed process loses nothing; only a power cut may cost the last moment
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
        self._db.executescript(schema)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def _save(self, table: str, key: str | None, row: "DataclassInstance") -> None:
        names = [field.name for field in fields(row)]
        holes = ", ".join("?" for _ in names)
        sql = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({holes})"
        if key is not None:
            sets = ", ".join(f"{name} = excluded.{name}" for name in names if name != key)
            sql += f" ON CONFLICT ({key}) DO UPDATE SET {sets}"
        self._db.execute(sql, [_stored(getattr(row, name)) for name in names])

    def _all(self, kind: type[_Row], sql: str, *values: object) -> list[_Row]:
        rows = self._db.execute(sql, [_stored(value) for value in values])
        return [_loaded(kind, row) for row in rows]

    def _one(self, kind: type[_Row], sql: str, *values: object) -> _Row | None:
        return next(iter(self._all(kind, sql, *values)), None)
