"""What a domain hands to the registry."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.events import Event, subscribe
from app.core.jobs import JobSpec
from app.core.schedule import Schedule
from app.core.unit import Router

Reaction = tuple[type[Event], Callable[[AsyncSession, Any], Awaitable[None]]]


@dataclass(frozen=True)
class Domain:
    """One package of the product, as the processes see it."""

    name: str
    routers: Sequence[Router] = ()
    jobs: Sequence[JobSpec] = ()
    schedules: Sequence[Schedule] = ()
    reactions: Sequence[Reaction] = field(default=())

    def wire(self) -> None:
        """Subscribe its reactions."""
        for event, reaction in self.reactions:
            subscribe(event, reaction)
