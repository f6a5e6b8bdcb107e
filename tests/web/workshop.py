"""A page of the tests' own, on the ground that all pages share: two forms that leave a note."""

import asyncio
import functools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import HTMLResponse, Response

from app.core.errors import Conflict
from app.core.unit import Router
from app.identity.access import AnyCaller
from app.main import attach, build_app
from app.web.common.flash import see_other
from app.web.common.templating import environment, render
from tests.factories.world import MORNING
from tests.fixtures.site import Site

PAGE = """
{% extends "common/base.html" %}
{% from "common/macros.html" import csrf_input, countdown, field, when, icon, panel, pagination,
   table, pill, error_state with context %}
{% block title %}工作台{% endblock %}{% block page %}workshop{% endblock %}
{% block main %}<h1>工作台</h1>
<p><a href="#part" data-key="g" data-key-label="看留言">留言</a></p>
<form method="post" action="/workshop/whole" data-draft="whole" data-confirm="确定保存吗？">
  {{ csrf_input() }}{{ field("note", "整页留言", required=true) }}
  <button class="btn btn-primary">保存整页</button></form>
<div hx-sse:connect="/workshop/stream" hx-swap="none" hidden></div><p id="live">还没有</p>
<form hx-post="/workshop/part" hx-target="#part" hx-status:422="target:#wrong" data-draft="part">
  <div id="wrong"></div>
  {{ field("note", "局部留言", id="part-note") }}
  <button class="btn btn-primary">保存局部</button></form>
<p id="part">还没有留言</p>
<p>{{ when(earlier) }} {{ countdown(later) }}</p>
{% call panel("列表") %}{% call table("名单", ["姓名", "瓶数"], numbers=[1]) %}
<tr><td>{{ pill("王**", "ok") }}</td><td class="number">2</td></tr>{% endcall %}
{{ pagination("abc", "/workshop?x=1") }}{% endcall %}
{{ error_state("示例", "说明", "1") }}
{% endblock %}
"""


@dataclass
class Workshop:
    """What the forms left."""

    notes: list[str] = field(default_factory=list)
    fails: bool = False
    ticks: asyncio.Event = field(default_factory=asyncio.Event)
    """Sends the stream's next part."""

    def take(self, note: str) -> None:
        """Keep a note, or refuse it."""
        if self.fails:
            raise Conflict
        self.notes.append(note)


def _routes() -> Router:
    """The page and its two forms."""
    router = Router(prefix="/workshop")

    @router.get("")
    async def page(request: Request, _: AnyCaller) -> HTMLResponse:
        return render(
            request,
            environment().from_string(PAGE),
            earlier=MORNING - timedelta(hours=1),
            later=MORNING + timedelta(hours=5),
        )

    @router.get("/stream", response_class=EventSourceResponse)
    async def stream(request: Request, _: AnyCaller) -> AsyncIterator[ServerSentEvent]:
        ticks = _of(request).ticks
        for number in range(1, 1000):
            text = f'<hx-partial hx-target="#live" hx-swap="innerMorph">{number}</hx-partial>'
            yield ServerSentEvent(raw_data=text, id=str(number))
            await ticks.wait()
            ticks.clear()

    @router.post("/whole")
    async def whole(request: Request, _: AnyCaller, note: Annotated[str, Form()]) -> Response:
        _of(request).take(note)
        return see_other("/workshop", flash="已保存")

    @router.post("/part")
    async def part(
        request: Request, _: AnyCaller, note: Annotated[str, Form(min_length=2)]
    ) -> Response:
        _of(request).take(note)
        return HTMLResponse("已收到")

    return router


def _of(request: Request) -> Workshop:
    workshop: Workshop = request.app.state.workshop
    return workshop


@functools.cache
def _built() -> FastAPI:
    app: FastAPI = build_app()
    app.include_router(_routes())
    return app


def open_workshop(site: Site) -> Workshop:
    """Let this test's server show the page at `/workshop`."""
    app = _built()
    attach(app, site.runtime)
    workshop = app.state.workshop = Workshop()
    site.serve(app)
    return workshop
