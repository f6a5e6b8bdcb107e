"""What a request asks of the database: its transactions and their statements, by kind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.ext.asyncio import AsyncEngine

KINDS = ("select", "insert", "update", "delete")


@dataclass(slots=True)
class Transaction:
    """Statements that commit together; without BEGIN and COMMIT when `is_bare`."""

    is_bare: bool
    statements: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Recorder:
    """Collects transactions in the order in which they begin."""

    transactions: list[Transaction] = field(default_factory=list)
    _open: dict[int, Transaction] = field(default_factory=dict)

    def take(self) -> list[Transaction]:
        """What was collected since the last call."""
        taken, self.transactions = self.transactions, []
        return taken

    def on_statement(self, connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        """Note a statement under its connection's transaction."""
        if id(connection) not in self._open:
            options = connection.get_execution_options()
            begun = Transaction(is_bare=options.get("isolation_level") == "AUTOCOMMIT")
            self._open[id(connection)] = begun
            self.transactions.append(begun)
        self._open[id(connection)].statements.append(_kind(statement))

    def on_end(self, connection: Connection) -> None:
        """Note the end of a connection's transaction."""
        self._open.pop(id(connection), None)


def _kind(statement: str) -> str:
    words = statement.split(maxsplit=1)[0].lower() if statement.strip() else ""
    if words == "with":
        return "insert" if "insert into" in statement.lower() else "select"
    if words not in KINDS:
        raise ValueError(f"a statement that is not counted: {statement[:80]}")
    return words


@asynccontextmanager
async def recorded(engine: AsyncEngine) -> AsyncIterator[Recorder]:
    """Record everything the engine runs."""
    recorder = Recorder()
    listeners = (
        ("before_cursor_execute", recorder.on_statement),
        ("commit", recorder.on_end),
        ("rollback", recorder.on_end),
    )
    for name, listener in listeners:
        event.listen(engine.sync_engine, name, listener)
    try:
        yield recorder
    finally:
        for name, listener in listeners:
            event.remove(engine.sync_engine, name, listener)
