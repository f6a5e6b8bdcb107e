"""Giant and odd bodies at every endpoint that takes one: refused, nothing stored, memory kept."""

import gzip
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import psutil
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.db import Database
from tests.factories.world import World
from tests.fixtures.doses import dose
from tests.fixtures.payments import Payments
from tests.hostile.surface import JSON, Operation, is_refusal, rows, with_body

ROUNDS = dose(1, 20)
STEP = dose(4, 1)
"""One body in so many at each endpoint; over all endpoints every body has its turn."""
MOST_BYTES = 50_000_000
MEGABYTES = 20
PIECE = b'{"a":"' + b"x" * 65_530
PACKED = gzip.compress(b"[" + b"0," * 10_000_000 + b"0]")
"""Twenty kilobytes that say they are twenty megabytes."""


async def endless() -> AsyncIterator[bytes]:
    """Twenty megabytes that nobody announced."""
    for _ in range(MEGABYTES * 16):
        yield PIECE


RAW: dict[str, bytes] = {
    "deep list": b"[" * 100_000,
    "deep list, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep object": b'{"a":' * 100_000,
    "a million keys": b"{" + b",".join(b'"k%d":1' % number for number in range(1_000_000)) + b"}",
    "as many keys as fit": b"{" + b",".join(b'"%d":1' % number for number in range(150_000)) + b"}",
    "an endless number": b'{"a":' + b"9" * 100_000 + b"}",
    "packed, not saying so": PACKED,
    "broken": b'{"a": ',
    "not UTF-8": b'{"a": "\xff\xfe"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "two values": b"{} {}",
    "nothing": b"",
    "a list": b"[]",
    "a number": b"1e400",
    "a word": b"NaN",
}
ODD: dict[str, str] = {
    "NUL": '"a\\u0000b"',
    "lone surrogate": '"\\ud800"',
    "NaN": "NaN",
    "infinity": "-Infinity",
    "1e400": "1e400",
    "2^63": "9223372036854775808",
    "-2^63-1": "-9223372036854775809",
    "deep": "[" * 900 + "]" * 900,
    "object": '{"a": {"b": []}}',
    "null": "null",
}


def filled(operation: Operation, odd: str) -> bytes:
    """Every field of the body with the same odd value."""
    pairs = (f"{json.dumps(name)}: {odd}" for name in operation.fields or {"a": None})
    return ("{" + ", ".join(pairs) + "}").encode()


def bodies(operation: Operation) -> Iterator[tuple[str, Any, dict[str, str]]]:
    """What is sent, and under which headers."""
    plain = {"content-type": JSON}
    yield "20 MB unannounced", endless(), plain
    yield "20 MB announced", b"x", plain | {"content-length": str(MEGABYTES * 1_000_000)}
    yield "gzip bomb", PACKED, plain | {"content-encoding": "gzip"}
    for name, body in RAW.items():
        yield name, body, plain
    for name, odd in ODD.items():
        yield name, filled(operation, odd), plain
    for kind in ("text/plain", "application/xml", "multipart/form-data; boundary=x"):
        yield kind, b'{"a": 1}', {"content-type": kind}


def harmless(operation: Operation, name: str) -> bool:
    """Whether such a body may be taken: null, or nothing, where every field may be left out."""
    return name in {"null", "nothing"} and not operation.fields.keys() & set(
        (operation.schema or {}).get("required", ())
    )


async def refused(
    client: httpx.AsyncClient, world: World, operation: Operation, *, turn: int
) -> dict[str, tuple[int, str]]:
    """Bodies whose answer was no plain refusal; `turn` chooses some of them in a short run."""
    wrong = {}
    for number, (name, body, headers) in enumerate(bodies(operation)):
        if (number + turn) % STEP:
            continue
        answer = await client.request(
            operation.method,
            operation.url,
            content=body,
            headers=operation.headers(world) | headers,
        )
        if not (is_refusal(answer) or (harmless(operation, name) and answer.status_code < 300)):
            wrong[name] = (answer.status_code, answer.text[:300])
    return wrong


async def test_every_endpoint_refuses_giant_and_odd_bodies(
    client: httpx.AsyncClient,
    world: World,
    payments: Payments,
    database: Database,
    session: AsyncSession,
) -> None:
    assert payments is not None, "an account, so that notifications are taken"
    found = with_body()
    assert len(found) > 50
    before = await rows(session)
    wrong = {
        str(one): faults
        for turn, one in enumerate(found)
        if (faults := await refused(client, world, one, turn=turn))
    }
    assert not wrong, wrong
    async with database.transaction() as looking:
        assert await rows(looking) == before

    process = psutil.Process()
    settled = process.memory_info().rss
    for _ in range(ROUNDS - 1):
        for turn, one in enumerate(found):
            assert not await refused(client, world, one, turn=turn)
    assert process.memory_info().rss - settled <= MOST_BYTES
