"""Delivery receipts (SmsReport): a JSON array posted without signature, repeated when refused."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from simulators.channels.aliyun_sms.outbox import Outbox, SendStatus, Sms
from simulators.channels.clock import SimClock, china_plain
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.scheduler import Scheduler

RETRY_SECONDS: Final = (60, 300, 600)
ATTEMPTS_KEPT: Final = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptAttempt:
    """One posting of a batch's receipts, and how the receiver answered."""

    biz_id: str
    number: int
    sent_at: datetime
    status: int | None
    answer: str


class Receipts:
    """Ends deliveries and tells the customer's receipt address about them."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        clock: SimClock,
        scheduler: Scheduler,
        faults: FaultBox,
        client: httpx.AsyncClient,
        url: str | None,
        seconds: float,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._scheduler = scheduler
        self._faults = faults
        self._client = client
        self.url = url
        self._seconds = seconds
        self.attempts: deque[ReceiptAttempt] = deque(maxlen=ATTEMPTS_KEPT)

    def use_client(self, client: httpx.AsyncClient) -> None:
        """Post through another client from now on."""
        self._client = client

    def expect(self, batch: list[Sms]) -> None:
        """Deliver a batch after the usual delay."""
        self._scheduler.at(self._clock.after(self._seconds), lambda: self._deliver(batch))

    async def _deliver(self, batch: list[Sms]) -> None:
        now = self._clock.now()
        reports = []
        for sms in batch:
            failed = self._faults.take(FaultKind.SMS_RECEIPT_FAILED, reference=sms.phone)
            done = self._outbox.finish(
                sms,
                status=SendStatus.FAILED if failed else SendStatus.RECEIVED,
                err_code="MOBILE_NOT_ON_SERVICE" if failed else "DELIVERED",
                at=now,
            )
            if not self._faults.take(FaultKind.SMS_RECEIPT_LOST, reference=sms.phone):
                reports.append(_report(done))
        if not reports:
            return
        await self._post(reports, number=1)
        again = self._faults.take(
            FaultKind.SMS_RECEIPT_REPEATED, reference=reports[0]["phone_number"]
        )
        if again:
            for _ in range(again.times - 1):
                await self._post(reports, number=1, retry=False)

    async def _post(
        self, reports: list[dict[str, Any]], *, number: int, retry: bool = True
    ) -> None:
        if self.url is None:
            return
        status: int | None = None
        accepted = False
        sent_at = self._clock.now()
        try:
            response = await self._client.post(self.url, json=reports)
        except httpx.HTTPError as error:
            answer = type(error).__name__
        else:
            status, answer = response.status_code, response.text[:300]
            accepted = is_accepted(response)
        self.attempts.append(
            ReceiptAttempt(
                biz_id=reports[0]["biz_id"],
                number=number,
                sent_at=sent_at,
                status=status,
                answer=answer,
            )
        )
        if retry and not accepted and number <= len(RETRY_SECONDS):
            due = self._clock.after(RETRY_SECONDS[number - 1])
            self._scheduler.at(due, lambda: self._post(reports, number=number + 1))


def is_accepted(response: httpx.Response) -> bool:
    """Whether a receiver took what was posted: HTTP 200 and code 0."""
    if response.status_code != 200:
        return False
    try:
        answer = response.json()
    except ValueError:
        return False
    return isinstance(answer, dict) and answer.get("code") == 0


def _report(sms: Sms) -> dict[str, Any]:
    return {
        "phone_number": sms.phone,
        "send_time": china_plain(sms.sent_at),
        "report_time": china_plain(sms.reported_at or sms.sent_at),
        "success": sms.status is SendStatus.RECEIVED,
        "err_code": sms.err_code,
        "err_msg": "用户接收成功" if sms.status is SendStatus.RECEIVED else "手机停机或空号",
        "sms_size": str(sms.parts),
        "biz_id": sms.biz_id,
        "out_id": sms.out_id,
    }
