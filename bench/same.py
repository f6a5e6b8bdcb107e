"""The limit of changes: bare FastAPI + asyncpg endpoints that run the very statements of the product's
requests, with the values they were recorded with, commit by commit.

Ids that a request made are made anew each time, wherever they stand, so that what it inserts can be
inserted again. What else it wrote is written again as it is.
"""

import json
import pickle
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from fastapi import FastAPI, Request

from app.core.ids import new_id
from bench.bare import POOL
from bench.counting import Transaction

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
KEY_MARK = "recorded-"
"""What the idempotency keys of recorded requests begin with."""

Made = dict[str, UUID]
Maker = Callable[[Made], Any]


@dataclass(slots=True)
class Statement:
    """A statement and its values; `makers` give those anew that hold ids the request made."""

    query: str
    values: list[Any]
    makers: list[tuple[int, Maker]] = field(default_factory=list)

    def values_for(self, made: Made) -> list[Any]:
        """The values of one more run."""
        if not self.makers:
            return self.values
        values = self.values.copy()
        for place, make in self.makers:
            values[place] = make(made)
        return values


def write_same(steps: list[list[Transaction]], path: Path) -> None:
    """The steps' transactions as a file for the server."""
    path.write_bytes(pickle.dumps(steps))


def _read(path: Path) -> list[list[tuple[bool, list[Statement]]]]:
    steps: list[list[Transaction]] = pickle.loads(path.read_bytes())  # noqa: S301  # of `write_same`
    return [
        [
            (part.is_bare, [_statement(query, values, made) for query, values in part.sent])
            for part in step
        ]
        for step, made in zip(steps, map(_made_in, steps), strict=True)
    ]


def _made_in(step: list[Transaction]) -> frozenset[str]:
    """Ids made since the request began: those of version 7 say when."""
    named = {
        name for part in step for _, values in part.sent for name in _UUID.findall(repr(values))
    }
    began = step[0].began_ms
    return frozenset(name for name in named if name[14] == "7" and UUID(name).int >> 80 >= began)


def _statement(query: str, values: tuple[Any, ...], made: frozenset[str]) -> Statement:
    makers = [(place, _maker(value, made)) for place, value in enumerate(values)]
    return Statement(
        query, list(values), [(place, make) for place, make in makers if make is not None]
    )


def _maker(value: Any, made: frozenset[str]) -> Maker | None:
    """How a value is made anew; None where it holds nothing that was made."""
    if isinstance(value, UUID):
        return _id_maker(str(value)) if str(value) in made else None
    if isinstance(value, bytes):
        make = _text_maker(value.decode("latin-1"), made)
        return None if make is None else lambda ids: make(ids).encode("latin-1")
    if isinstance(value, str):
        return _text_maker(value, made)
    if isinstance(value, list):
        parts = [_maker(part, made) for part in value]
        if any(part is not None for part in parts):
            pairs = list(zip(value, parts, strict=True))
            return lambda ids: [one if make is None else make(ids) for one, make in pairs]
    return None


def _id_maker(name: str) -> Maker:
    def make(ids: Made) -> UUID:
        if name not in ids:
            ids[name] = new_id()
        return ids[name]

    return make


def _text_maker(text: str, made: frozenset[str]) -> Maker | None:
    if text.startswith(KEY_MARK):
        make_key = _id_maker(text)
        return lambda ids: str(make_key(ids))
    makers = {name: _id_maker(name) for name in made.intersection(_UUID.findall(text))}
    if not makers:
        return None
    return lambda ids: _UUID.sub(lambda found: _written(found[0], makers, ids), text)


def _written(name: str, makers: Mapping[str, Maker], ids: Made) -> str:
    return str(makers[name](ids)) if name in makers else name


async def _set_up(connection: asyncpg.Connection) -> None:
    await connection.set_type_codec(
        "jsonb", schema="pg_catalog", encoder=str, decoder=json.loads, format="text"
    )


async def _keep(_connection: asyncpg.Connection) -> None:
    """Give a connection back as it is: nothing on it needs to be reset."""


def create_app(dsn: str, path: Path) -> FastAPI:
    """One endpoint, which runs the transactions of the step it is asked for."""
    plan = _read(path)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        pool = asyncpg.create_pool(dsn, min_size=POOL, max_size=POOL, reset=_keep, init=_set_up)
        async with pool:
            app.state.pool = pool
            yield

    app = FastAPI(lifespan=lifespan)

    @app.post("/bare/{number}")
    async def step(number: int, body: dict[str, Any], request: Request) -> dict[str, int]:
        """Run one step's transactions."""
        made: Made = {}
        for is_bare, statements in plan[number]:
            async with request.app.state.pool.acquire() as connection:
                if is_bare:
                    await _run(connection, statements, made)
                else:
                    async with connection.transaction():
                        await _run(connection, statements, made)
        return {"fields": len(body)}

    return app


async def _run(connection: asyncpg.Connection, statements: list[Statement], made: Made) -> None:
    for one in statements:
        await connection.fetch(one.query, *one.values_for(made))
