"""What stands between the phone and the server in a test: loses replies, brings a new version."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

SYNC = "/api/v1/sync"


@dataclass
class Proxy:
    """An ASGI application around the product's."""

    app: Any
    lose_replies: int = 0
    """So many batches are committed, and answered as if they were not."""
    hold_back: bool = False
    """Batches are refused before the server sees them."""
    new_version: bool = False
    """The shell and its worker have changed."""
    batches: list[int] = field(default_factory=list)
    """Events of every batch that came."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
        elif scope["path"] == SYNC:
            await self._sync(scope, receive, send)
        elif self.new_version and scope["path"].startswith("/deliverer"):
            await self._changed(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _sync(self, scope: Any, receive: Any, send: Any) -> None:
        messages, body = [], b""
        while True:
            message = await receive()
            messages.append(message)
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        self.batches.append(len(json.loads(body)["events"]))
        if self.hold_back:
            await _unavailable(send)
            return
        waiting = iter(messages)

        async def again() -> Any:
            return next(waiting, None) or await receive()

        if self.lose_replies == 0:
            await self.app(scope, again, send)
            return
        self.lose_replies -= 1
        await self.app(scope, again, _nowhere)
        await _unavailable(send)

    async def _changed(self, scope: Any, receive: Any, send: Any) -> None:
        sent: list[Any] = []

        async def keep(message: Any) -> None:
            sent.append(message)

        plain = [pair for pair in scope["headers"] if pair[0] != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, keep)
        body = b"".join(message.get("body", b"") for message in sent)
        body = body.replace(b"</main>", b'</main><i id="new-version"></i>')
        # The name of its cache is that of its version.
        body = re.sub(rb'"deliverer-[0-9a-f]{10}"', b'"deliverer-0000000000"', body)
        head = dict(sent[0])
        head["headers"] = [
            *(pair for pair in head["headers"] if pair[0].lower() != b"content-length"),
            (b"content-length", str(len(body)).encode()),
        ]
        await send(head)
        await send({"type": "http.response.body", "body": body})


async def _nowhere(_message: Any) -> None:
    """The reply is lost."""


async def _unavailable(send: Any) -> None:
    await send(
        {"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]}
    )
    await send({"type": "http.response.body", "body": b""})
