"""Notifications: encrypted, signed, repeated until accepted, and broken on demand."""

import asyncio
import itertools
import json
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.channels.clock import SimClock, china_seconds
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.scheduler import Scheduler
from simulators.channels.wechat.models import Attempt, Notice, NoticeState
from simulators.channels.wechat.platform import PlatformKeys, SigningKey
from simulators.channels.wechat.signing import (
    PROBE_PREFIX,
    SCHEME,
    answer_text,
    encrypt,
    new_nonce,
    sign,
)
from simulators.channels.wechat.store import Store

RETRY_SECONDS: Final = (
    15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10800, 10800, 10800, 21600, 21600,
)  # fmt: skip
"""Pauses before each repetition: 24 h 4 min in all (payment notification reference)."""

_SUMMARY: Final = {
    "TRANSACTION.SUCCESS": "支付成功",
    "REFUND.SUCCESS": "退款成功",
    "REFUND.ABNORMAL": "退款异常",
    "REFUND.CLOSED": "退款关闭",
}
_STALE: Final = timedelta(hours=2)
_ANSWER_KEPT: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """Something to tell the merchant; `reference` is the out_trade_no or out_refund_no."""

    event_type: str
    original_type: str
    reference: str
    url: str
    resource: dict[str, Any]


class Notifier:
    """Posts notifications to the merchant and keeps count of how he answered."""

    def __init__(
        self,
        *,
        store: Store,
        clock: SimClock,
        scheduler: Scheduler,
        platform: PlatformKeys,
        faults: FaultBox,
        client: httpx.AsyncClient,
        signtest_every: int,
    ) -> None:
        self._store = store
        self._clock = clock
        self._scheduler = scheduler
        self._platform = platform
        self._faults = faults
        self._client = client
        self._signtest_every = signtest_every
        self._counter = itertools.count(1)
        self._stranger: rsa.RSAPrivateKey | None = None

    def use_client(self, client: httpx.AsyncClient) -> None:
        """Post through another client from now on."""
        self._client = client

    def announce(self, news: News) -> Notice:
        """Write a notification down and schedule its first sending."""
        lost = self._faults.take(FaultKind.NOTIFY_LOST, reference=news.reference)
        delayed = self._faults.take(FaultKind.NOTIFY_DELAYED, reference=news.reference)
        now = self._clock.now()
        due = self._clock.after(delayed.seconds) if delayed else now
        notice_id = str(uuid.uuid4())
        notice = Notice(
            id=notice_id,
            event_type=news.event_type,
            reference=news.reference,
            url=news.url,
            body=self._body(notice_id, self._twisted(news), now=now),
            state=NoticeState.LOST if lost else NoticeState.PENDING,
            attempts=0,
            created_at=now,
            next_at=None if lost else due,
        )
        self._store.save_notice(notice)
        if not lost:
            self._schedule(notice.id, due)
        return notice

    def resume(self) -> None:
        """Take up the notifications that were pending when the simulator stopped."""
        for notice in self._store.list_notices_pending():
            self._schedule(notice.id, notice.next_at or self._clock.now())

    def resend(self, notice_id: str) -> Notice | None:
        """Send a notification again with the same id, whatever became of it; None if unknown."""
        notice = self._store.find_notice(notice_id)
        if notice is None:
            return None
        now = self._clock.now()
        fresh = replace(notice, state=NoticeState.PENDING, attempts=0, next_at=now)
        self._store.save_notice(fresh)
        self._schedule(notice_id, now)
        return fresh

    async def send(self, notice_id: str) -> None:
        """Send a pending notification once and schedule its repetition when refused."""
        notice = self._store.find_notice(notice_id)
        if notice is None or notice.state != NoticeState.PENDING:
            return
        if notice.next_at is not None and notice.next_at > self._clock.now():
            return
        if notice.attempts == 0 and self._is_probe_time():
            await self._probe(notice)
        copies = self._faults.take(FaultKind.NOTIFY_DUPLICATE, reference=notice.reference)
        attempts = [self._post(notice) for _ in range(copies.times if copies else 1)]
        accepted = any(await asyncio.gather(*attempts))
        self._note_result(notice_id, accepted=accepted)

    def _note_result(self, notice_id: str, *, accepted: bool) -> None:
        notice = self._store.find_notice(notice_id)
        if notice is None or notice.state != NoticeState.PENDING:
            return
        sent = notice.attempts + 1
        if accepted:
            state, due = NoticeState.ACCEPTED, None
        elif sent > len(RETRY_SECONDS):
            state, due = NoticeState.GIVEN_UP, None
        else:
            state, due = NoticeState.PENDING, self._clock.after(RETRY_SECONDS[sent - 1])
        self._store.save_notice(replace(notice, state=state, attempts=sent, next_at=due))
        if due is not None:
            self._schedule(notice_id, due)

    def _schedule(self, notice_id: str, due: datetime) -> None:
        self._scheduler.at(due, lambda: self.send(notice_id))

    def _is_probe_time(self) -> bool:
        return self._signtest_every > 0 and next(self._counter) % self._signtest_every == 0

    async def _probe(self, notice: Notice) -> None:
        key = self._platform.for_notification()
        headers = self._headers(key, notice.body.encode(), at=self._clock.wall())
        headers["Wechatpay-Signature"] = PROBE_PREFIX + new_nonce(342) + "=="
        await self._deliver(notice, headers, kind="probe")

    async def _post(self, notice: Notice) -> bool:
        key = self._platform.for_notification()
        at = self._clock.wall()
        if self._faults.take(FaultKind.NOTIFY_FORGED_SIGNATURE, reference=notice.reference):
            key = SigningKey(serial=key.serial, key=self._strangers_key())
        if self._faults.take(FaultKind.NOTIFY_STALE_TIMESTAMP, reference=notice.reference):
            at -= _STALE
        headers = self._headers(key, notice.body.encode(), at=at)
        return await self._deliver(notice, headers, kind="notice")

    async def _deliver(self, notice: Notice, headers: dict[str, str], *, kind: str) -> bool:
        sent_at = self._clock.now()
        status: int | None = None
        try:
            response = await self._client.post(
                notice.url, content=notice.body.encode(), headers=headers
            )
        except httpx.HTTPError as error:
            answer = type(error).__name__
        else:
            status, answer = response.status_code, response.text[:_ANSWER_KEPT]
        self._store.add_attempt(
            Attempt(
                notice_id=notice.id,
                number=notice.attempts + 1,
                kind=kind,
                sent_at=sent_at,
                status=status,
                answer=answer,
            )
        )
        return status in {200, 204}

    def _headers(self, key: SigningKey, body: bytes, *, at: datetime) -> dict[str, str]:
        timestamp, nonce = str(int(at.timestamp())), new_nonce()
        text = answer_text(timestamp=timestamp, nonce=nonce, body=body)
        return {
            "Content-Type": "application/json",
            "Accept": "*/*",
            "User-Agent": "Mozilla/4.0",
            "Wechatpay-Timestamp": timestamp,
            "Wechatpay-Nonce": nonce,
            "Wechatpay-Signature": sign(key.key, text),
            "Wechatpay-Serial": key.serial,
            "Wechatpay-Signature-Type": SCHEME,
        }

    def _strangers_key(self) -> rsa.RSAPrivateKey:
        if self._stranger is None:
            self._stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._stranger

    def _twisted(self, news: News) -> News:
        resource = news.resource
        if self._faults.take(FaultKind.NOTIFY_WRONG_AMOUNT, reference=news.reference):
            field = "refund" if news.original_type == "refund" else "total"
            wrong = {
                name: value + 1 if name in {field, f"payer_{field}"} else value
                for name, value in resource["amount"].items()
            }
            resource = resource | {"amount": wrong}
        if self._faults.take(FaultKind.NOTIFY_OTHER_MERCHANT, reference=news.reference):
            resource = resource | {"mchid": f"{int(resource['mchid']) + 1}"}
        return replace(news, resource=resource)

    def _body(self, notice_id: str, news: News, *, now: datetime) -> str:
        nonce = new_nonce(12)
        plain = json.dumps(news.resource, ensure_ascii=False, separators=(",", ":"))
        merchant = self._platform.credentials.merchant
        body = {
            "id": notice_id,
            "create_time": china_seconds(now),
            "resource_type": "encrypt-resource",
            "event_type": news.event_type,
            "summary": _SUMMARY[news.event_type],
            "resource": {
                "original_type": news.original_type,
                "algorithm": "AEAD_AES_256_GCM",
                "ciphertext": encrypt(
                    apiv3_key=merchant.apiv3_key,
                    nonce=nonce,
                    associated_data=news.original_type,
                    plain=plain.encode(),
                ),
                "associated_data": news.original_type,
                "nonce": nonce,
            },
        }
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
