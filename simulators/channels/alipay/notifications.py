"""Notifications of Alipay: signed forms, repeated until `success`, and broken on demand."""

import asyncio
import json
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.channels.alipay.models import Attempt, Notice, Refund, Trade
from simulators.channels.alipay.signing import load_key, notice_text, rsa2
from simulators.channels.alipay.store import Store
from simulators.channels.clock import SimClock, china_plain
from simulators.channels.credentials import AlipayApp
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.scheduler import Scheduler

RETRY_SECONDS: Final = (240, 600, 600, 3600, 7200, 21600, 54000)
"""Pauses before each repetition: 8 sendings within 25 h (notification reference)."""
ACCEPTED: Final = "success"
_ANSWER_KEPT: Final = 300


def yuan(fen: int) -> str:
    """Yuan with two decimals."""
    return f"{fen // 100}.{fen % 100:02d}"


class Notifier:
    """Posts notifications to the address the payment named, refunds' as well."""

    def __init__(
        self,
        *,
        store: Store,
        clock: SimClock,
        scheduler: Scheduler,
        faults: FaultBox,
        app: AlipayApp,
        client: httpx.AsyncClient,
    ) -> None:
        self._store = store
        self._clock = clock
        self._scheduler = scheduler
        self._faults = faults
        self._app = app
        self._client = client
        self._stranger: rsa.RSAPrivateKey | None = None

    def use_client(self, client: httpx.AsyncClient) -> None:
        """Post through another client from now on."""
        self._client = client

    def announce(self, trade: Trade, refund: Refund | None, *, refunded_fen: int) -> None:
        """Write a notification down and schedule its first sending."""
        reference = trade.out_trade_no
        if not trade.notify_url:
            return
        lost = self._faults.take(FaultKind.NOTIFY_LOST, reference=reference)
        delayed = self._faults.take(FaultKind.NOTIFY_DELAYED, reference=reference)
        now = self._clock.now()
        due = self._clock.after(delayed.seconds) if delayed else now
        notice = Notice(
            id=f"{now:%Y%m%d}00{secrets.token_hex(12)}",
            reference=reference,
            url=trade.notify_url,
            form=json.dumps(self._form(trade, refund, refunded_fen=refunded_fen)),
            state="lost" if lost else "pending",
            attempts=0,
            created_at=now,
            next_at=None if lost else due,
        )
        self._store.save_notice(notice)
        if not lost:
            self._schedule(notice.id, due)

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
        fresh = replace(notice, state="pending", attempts=0, next_at=now)
        self._store.save_notice(fresh)
        self._schedule(notice_id, now)
        return fresh

    async def send(self, notice_id: str) -> None:
        """Send a pending notification once and schedule its repetition when refused."""
        notice = self._store.find_notice(notice_id)
        if notice is None or notice.state != "pending":
            return
        if notice.next_at is not None and notice.next_at > self._clock.now():
            return
        copies = self._faults.take(FaultKind.NOTIFY_DUPLICATE, reference=notice.reference)
        posts = [self._post(notice) for _ in range(copies.times if copies else 1)]
        accepted = any(await asyncio.gather(*posts))
        sent = notice.attempts + 1
        due = None
        if accepted:
            state = "accepted"
        elif sent > len(RETRY_SECONDS):
            state = "given_up"
        else:
            state, due = "pending", self._clock.after(RETRY_SECONDS[sent - 1])
        self._store.save_notice(replace(notice, state=state, attempts=sent, next_at=due))
        if due is not None:
            self._schedule(notice_id, due)

    def signed(self, form: dict[str, str], *, forged: bool = False) -> dict[str, str]:
        """The form with Alipay's signature, or a stranger's."""
        key = self._strangers_key() if forged else load_key(self._app.platform_key_pem)
        return form | {"sign_type": "RSA2", "sign": rsa2(key, notice_text(form))}

    def _schedule(self, notice_id: str, due: datetime) -> None:
        self._scheduler.at(due, lambda: self.send(notice_id))

    async def _post(self, notice: Notice) -> bool:
        sent_at = self._clock.now()
        form: dict[str, str] = json.loads(notice.form)
        form |= {"notify_id": notice.id, "notify_time": china_plain(sent_at)}
        forged = self._faults.take(FaultKind.NOTIFY_FORGED_SIGNATURE, reference=notice.reference)
        status: int | None = None
        try:
            response = await self._client.post(
                notice.url,
                content=urlencode(self.signed(form, forged=forged is not None)),
                headers={
                    "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                    "User-Agent": "Mozilla/4.0",
                },
            )
        except httpx.HTTPError as error:
            answer = type(error).__name__
        else:
            status, answer = response.status_code, response.text[:_ANSWER_KEPT]
        self._store.add_attempt(
            Attempt(
                notice_id=notice.id,
                number=notice.attempts + 1,
                sent_at=sent_at,
                status=status,
                answer=answer,
            )
        )
        return status is not None and answer == ACCEPTED

    def _form(self, trade: Trade, refund: Refund | None, *, refunded_fen: int) -> dict[str, str]:
        paid_fen = trade.paid_fen or 0
        seller = self._app.seller_id
        if self._faults.take(FaultKind.NOTIFY_WRONG_AMOUNT, reference=trade.out_trade_no):
            paid_fen += 1
        if self._faults.take(FaultKind.NOTIFY_OTHER_MERCHANT, reference=trade.out_trade_no):
            seller = f"{int(seller) + 1}"
        form = {
            "notify_type": "trade_status_sync",
            "charset": "utf-8",
            "version": "1.0",
            "app_id": self._app.app_id,
            "seller_id": seller,
            "trade_no": trade.trade_no,
            "out_trade_no": trade.out_trade_no,
            "buyer_id": trade.buyer_id or "",
            "trade_status": str(trade.status),
            "subject": trade.subject,
            "total_amount": yuan(paid_fen),
            "receipt_amount": yuan(paid_fen),
            "buyer_pay_amount": yuan(paid_fen),
            "gmt_create": china_plain(trade.created_at),
            "fund_bill_list": json.dumps(
                [{"amount": yuan(paid_fen), "fundChannel": "ALIPAYACCOUNT"}], separators=(",", ":")
            ),
        }
        if trade.paid_at is not None:
            form["gmt_payment"] = china_plain(trade.paid_at)
        if trade.closed_at is not None:
            form["gmt_close"] = china_plain(trade.closed_at)
        if refund is not None:
            form |= {
                "out_biz_no": refund.out_request_no,
                "refund_fee": yuan(refunded_fen),
                "gmt_refund": f"{china_plain(refund.refunded_at)}.000",
            }
        return form

    def _strangers_key(self) -> rsa.RSAPrivateKey:
        if self._stranger is None:
            self._stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._stranger
