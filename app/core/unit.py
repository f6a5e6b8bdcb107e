"""One request is one unit of work: what was begun for it ends before its answer is sent."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Final

from fastapi import APIRouter, Request, Response  # noqa: TID251  # the one place
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match
from starlette.types import Scope

Ending = Callable[[bool], Awaitable[None]]
"""Told whether the request has failed."""
_ENDINGS = "suixinding.endings"
API: Final = "/api/v1"
"""Where the routers of the API are included; those of pages stand at the root."""


def at_end(request: Request, ending: Ending) -> None:
    """Run this when the endpoint is done, the last one first; what it raises is the answer."""
    endings: list[Ending] | None = request.scope.get(_ENDINGS)
    if endings is None:
        raise RuntimeError("an endpoint outside of a Router: nothing would be committed")
    endings.append(ending)


class UnitRoute(APIRoute):
    """A route whose endings run between its endpoint and the sending of its answer.

    What dependencies with `yield` are for, at a fraction of their cost to each request.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, with the endings around it."""
        handle = super().get_route_handler()

        async def handle_and_end(request: Request) -> Response:
            endings: list[Ending] = []
            request.scope[_ENDINGS] = endings
            try:
                answer = await handle(request)
            except BaseException:
                await _run(endings, failed=True)
                raise
            await _run(endings, failed=False)
            return answer

        return handle_and_end


async def _run(endings: list[Ending], *, failed: bool) -> None:
    raised: BaseException | None = None
    for ending in reversed(endings):
        try:
            await ending(failed or raised is not None)
        except BaseException as error:  # noqa: BLE001  # raised again once all have ended
            raised = error
    if raised is not None:
        raise raised


class Router(APIRouter):
    """A router of such routes; every endpoint of the product belongs to one.

    Paths are only tried against its routes when they begin as one of them does.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"route_class": UnitRoute, **options})
        self._heads: tuple[int, frozenset[str] | None] = (0, None)

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a route fits; most routers can tell from the first word of the path."""
        count, heads = self._heads
        if count != len(self.routes):
            heads = _heads_of(self.routes)
            self._heads = (len(self.routes), heads)
        if heads is not None and _head(scope["path"].removeprefix(API)) not in heads:
            return Match.NONE, {}
        return super().matches(scope)


def _heads_of(routes: Sequence[BaseRoute]) -> frozenset[str] | None:
    """First words of the routes' paths; None where one could begin with any."""
    heads: set[str] = set()
    for route in routes:
        inner = getattr(route, "original_router", None)
        if isinstance(inner, Router):
            within = _heads_of(inner.routes)
        else:
            within = frozenset({_head(getattr(route, "path", "/{any}"))})
        if within is None or any("{" in head for head in within):
            return None
        heads |= within
    return frozenset(heads)


def _head(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""
