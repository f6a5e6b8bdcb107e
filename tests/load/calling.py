"""Clients of the API that ask again, with the same key, until they are answered."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from app.core.ids import new_id

AGAIN_SECONDS = 0.05
STILL_RUNNING = "still_running"


@dataclass(frozen=True, slots=True)
class Call:
    """One request; those with a key have one effect however often they are sent."""

    method: str
    path: str
    token: str = ""
    body: Any = None
    key: str | None = None
    name: str = ""

    @property
    def headers(self) -> dict[str, str]:
        """As they are sent."""
        made = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        if self.key is not None:
            made["Idempotency-Key"] = self.key
        return made


def new_key() -> str:
    """An Idempotency-Key that nobody else has."""
    return new_id().hex


@dataclass(frozen=True, slots=True)
class Answered:
    """A final answer, and how it was come by."""

    status: int
    body: Any
    headers: Mapping[str, str]
    tries: int

    def ok(self) -> Any:
        """The body; fails unless the request succeeded."""
        assert self.status < 300, (self.status, self.body)
        return self.body


@dataclass
class Caller:
    """Sends requests and counts what became of them."""

    http: httpx.AsyncClient
    statuses: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    """Requests that were sent and got no answer."""
    faults: list[tuple[str, int, str]] = field(default_factory=list)
    """Answers of 500 and more: request, status, body."""

    async def send(self, call: Call) -> httpx.Response:
        """Send once; raises httpx.TransportError when the connection breaks."""
        try:
            answer = await self.http.request(
                call.method,
                call.path,
                headers=call.headers,
                json=call.body if call.method == "POST" else None,
            )
        except httpx.TransportError as error:
            self.cut += not isinstance(error, httpx.ConnectError)
            raise
        self.statuses[answer.status_code] += 1
        if answer.status_code >= 500:
            self.faults.append((call.name or call.path, answer.status_code, answer.text[:500]))
        return answer

    async def until_answered(self, call: Call, *, within_seconds: float = 120.0) -> Answered:
        """Send again after a broken connection, 503 and "still running" until there is an answer."""
        end = time.monotonic() + within_seconds
        tries = 0
        while True:
            tries += 1
            pause = AGAIN_SECONDS
            try:
                answer = await self.send(call)
            except httpx.TransportError as error:
                said = repr(error)
            else:
                if not _asks_for_patience(answer):
                    return Answered(answer.status_code, _json(answer), answer.headers, tries)
                said = answer.text
                pause = float(answer.headers.get("Retry-After", AGAIN_SECONDS))
            assert time.monotonic() < end, f"no answer to {call.method} {call.path}: {said[:500]}"
            await asyncio.sleep(pause)

    @property
    def unexpected(self) -> list[tuple[str, int, str]]:
        """Faults that tell of a mistake of ours; 503 says "come again"."""
        return [fault for fault in self.faults if fault[1] != 503]


def _asks_for_patience(answer: httpx.Response) -> bool:
    if answer.status_code == 409:
        return bool(answer.json().get("code") == STILL_RUNNING)
    return answer.status_code == 503


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except json.JSONDecodeError:
        return answer.text


@asynccontextmanager
async def caller(port: int, *, connections: int = 32) -> AsyncIterator[Caller]:
    """Clients of one server, sharing connections."""
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}/api/v1", limits=limits, timeout=60, trust_env=False
    ) as http:
        yield Caller(http)
