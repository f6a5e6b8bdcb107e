"""Notifications of UnionPay: signed forms, repeated until answered with 200, broken on demand."""

import asyncio
import json
import secrets
from dataclasses import replace
from datetime import datetime
from typing import Final
from urllib.parse import urlencode

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from simulators.channels.clock import SimClock
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.scheduler import Scheduler
from simulators.channels.unionpay.answers import Signer, facts_of
from simulators.channels.unionpay.merchant import UnionPayMerchant
from simulators.channels.unionpay.models import Attempt, Notice, Txn
from simulators.channels.unionpay.store import Store

RETRY_SECONDS: Final = (0, 60, 120, 240)
"""Pauses before each repetition: 5 sendings in all."""
_ACCEPTED: Final = frozenset({200, 302})
_ANSWER_KEPT: Final = 300


class Notifier:
    """Posts to the address the transaction named, of successes only."""

    def __init__(
        self,
        *,
        store: Store,
        clock: SimClock,
        scheduler: Scheduler,
        faults: FaultBox,
        merchant: UnionPayMerchant,
        signer: Signer,
        client: httpx.AsyncClient,
    ) -> None:
        self._store = store
        self._clock = clock
        self._scheduler = scheduler
        self._faults = faults
        self._merchant = merchant
        self._signer = signer
        self._client = client
        self._stranger: rsa.RSAPrivateKey | None = None

    def use_client(self, client: httpx.AsyncClient) -> None:
        """Post through another client from now on."""
        self._client = client

    def announce(self, txn: Txn) -> None:
        """Write a notification down and schedule its first sending."""
        reference = txn.order_id
        if not txn.back_url:
            return
        lost = self._faults.take(FaultKind.NOTIFY_LOST, reference=reference)
        delayed = self._faults.take(FaultKind.NOTIFY_DELAYED, reference=reference)
        now = self._clock.now()
        due = self._clock.after(delayed.seconds) if delayed else now
        notice = Notice(
            id=secrets.token_hex(12),
            reference=reference,
            url=txn.back_url,
            form=json.dumps(self._form(txn)),
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

    def _schedule(self, notice_id: str, due: datetime) -> None:
        self._scheduler.at(due, lambda: self.send(notice_id))

    async def _post(self, notice: Notice) -> bool:
        sent_at = self._clock.now()
        form: dict[str, str] = json.loads(notice.form)
        forged = self._faults.take(FaultKind.NOTIFY_FORGED_SIGNATURE, reference=notice.reference)
        status: int | None = None
        try:
            response = await self._client.post(
                notice.url,
                content=urlencode(
                    self._signer.signed(form, key=self._strangers_key() if forged else None)
                ),
                headers={"Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"},
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
        return status in _ACCEPTED

    def _form(self, txn: Txn) -> dict[str, str]:
        form = facts_of(txn, mer_id=self._merchant.mer_id)
        form |= {"respCode": txn.state, "respMsg": "success", "accNo": "6216***********0018"}
        if self._faults.take(FaultKind.NOTIFY_WRONG_AMOUNT, reference=txn.order_id):
            form["txnAmt"] = str(int(form["txnAmt"]) + 1)
        if self._faults.take(FaultKind.NOTIFY_OTHER_MERCHANT, reference=txn.order_id):
            form["merId"] = f"{int(form['merId']) + 1}"
        return form

    def _strangers_key(self) -> rsa.RSAPrivateKey:
        if self._stranger is None:
            self._stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return self._stranger
