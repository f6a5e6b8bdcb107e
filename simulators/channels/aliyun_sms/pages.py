"""The phones' side: the outbox as a page, where a demo user reads his login code."""

from html import escape
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from simulators.channels.aliyun_sms.outbox import SendStatus, Sms
from simulators.channels.aliyun_sms.service import SmsService
from simulators.channels.clock import china_plain
from simulators.channels.guard import loopback_only
from simulators.channels.html import page, table

_STATES: Final = {
    SendStatus.WAITING: "发送中",
    SendStatus.FAILED: "发送失败",
    SendStatus.RECEIVED: "已送达",
}


class OutboxPage:
    """`/outbox`, newest first, filtered by phone."""

    def __init__(self, service: SmsService, *, base_url: str) -> None:
        self._service = service
        self._base_url = base_url

    def routes(self) -> list[Route]:
        """The page's route, for this machine only."""
        return [Route("/outbox", loopback_only(self._show, base_url=self._base_url))]

    async def _show(self, request: Request) -> Response:
        phone = request.query_params.get("phone", "").strip() or None
        messages = self._service.outbox.newest(phone=phone)
        search = (
            '<form method="get" action="/outbox"><label>手机号 '
            f'<input name="phone" inputmode="tel" value="{escape(phone or "")}"></label> '
            '<button type="submit">查询</button></form>'
        )
        heads = ["时间", "手机号", "内容", "状态"]
        body = table(heads, [_row(sms) for sms in messages]) if messages else "<p>没有短信。</p>"
        return page("短信发件箱", search + body, refresh=5)


def _row(sms: Sms) -> list[str]:
    return [
        china_plain(sms.sent_at),
        escape(sms.phone),
        f'<span class="text">{escape(sms.text)}</span>',
        _STATES[sms.status],
    ]
