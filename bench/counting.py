"""What a request asks of the database: its transactions and their statements, with their values."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement
from asyncpg.transaction import Transaction as DriverTransaction

KINDS = ("select", "insert", "update", "delete")


Sent = tuple[str, tuple[Any, ...]]
"""A statement and its values, as the driver got them."""


@dataclass(slots=True)
class Transaction:
    """Statements that commit together; without BEGIN and COMMIT when `is_bare`."""

    is_bare: bool
    sent: list[Sent] = field(default_factory=list)
    began_ms: int = field(default_factory=lambda: time.time_ns() // 1_000_000)

    @property
    def statements(self) -> list[str]:
        """Their kinds."""
        return [_kind(statement) for statement, _ in self.sent]


@dataclass(slots=True)
class Recorder:
    """Collects transactions in the order in which they begin."""

    transactions: list[Transaction] = field(default_factory=list)
    _open: dict[int, Transaction] = field(default_factory=dict)

    def take(self) -> list[Transaction]:
        """What was collected since the last call."""
        taken, self.transactions = self.transactions, []
        return taken

    def begin(self, driver: asyncpg.Connection) -> None:
        """BEGIN was sent."""
        self._open[id(driver)] = Transaction(is_bare=False)
        self.transactions.append(self._open[id(driver)])

    def end(self, driver: asyncpg.Connection) -> None:
        """COMMIT or ROLLBACK was sent; what began before the recording is not known here."""
        self._open.pop(id(driver), None)

    def note(self, driver: asyncpg.Connection, statement: str, *values: Any) -> None:
        """A statement was sent."""
        current = self._open.get(id(driver))
        if current is None:
            current = Transaction(is_bare=True)
            self.transactions.append(current)
        current.sent.append((statement, values))


def _kind(statement: str) -> str:
    word = statement.split(maxsplit=1)[0].lower()
    if word == "with":
        return "insert" if "insert into" in statement.lower() else "select"
    if word not in KINDS:
        raise ValueError(f"a statement that is not counted: {statement[:80]}")
    return word


@contextmanager
def recorded() -> Iterator[Recorder]:
    """Record what goes to the database through asyncpg, by whatever road it comes there."""
    recorder = Recorder()
    with ExitStack() as stack:
        for owner, name, spy in (
            (asyncpg.Connection, "fetch", recorder.note),
            (asyncpg.Connection, "fetchrow", recorder.note),
            (PreparedStatement, "fetch", lambda it, *sent: recorder.note(*_origin(it), *sent)),
            (PreparedStatement, "executemany", lambda it, rows: recorder.note(*_origin(it), *rows)),
            (DriverTransaction, "start", lambda it: recorder.begin(_driver(it))),
            (DriverTransaction, "commit", lambda it: recorder.end(_driver(it))),
            (DriverTransaction, "rollback", lambda it: recorder.end(_driver(it))),
        ):
            stack.enter_context(mock.patch.object(owner, name, _spied(getattr(owner, name), spy)))
        yield recorder


def _driver(part: Any) -> asyncpg.Connection:
    return part._connection  # noqa: SLF001  # asyncpg tells it by no other name


def _origin(statement: Any) -> tuple[asyncpg.Connection, str]:
    return _driver(statement), statement.get_query()


def _spied(
    plain: Callable[..., Awaitable[Any]], spy: Callable[..., None]
) -> Callable[..., Awaitable[Any]]:
    async def noted(it: Any, *arguments: Any, **how: Any) -> Any:
        spy(it, *arguments)
        return await plain(it, *arguments, **how)

    return noted
