"""Facts published upward: the package below names what happened, packages above react.

Handlers run in the publisher's transaction; when one fails, all of it fails.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession


@dataclass(frozen=True)
class Event:
    """Base of all events; subclasses are frozen dataclasses named in the past tense."""


E = TypeVar("E", bound=Event)
Handler = Callable[[AsyncSession, Any], Awaitable[None]]

_handlers: dict[type[Event], list[Handler]] = {}


def subscribe(event: type[E], handler: Callable[[AsyncSession, E], Awaitable[None]]) -> None:
    """Let `handler` react to `event`; the registry calls this once per pair."""
    handlers = _handlers.setdefault(event, [])
    if handler not in handlers:
        handlers.append(handler)


async def publish(session: AsyncSession, event: Event) -> None:
    """Run every handler of the event, in the order of the registry."""
    for handler in _handlers.get(type(event), ()):
        await handler(session, event)
