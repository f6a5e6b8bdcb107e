"""Texts from phones (SmsUp): a JSON array posted without signature, repeated when refused."""

import itertools
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx

from simulators.channels.aliyun_sms.receipts import RETRY_SECONDS, is_accepted
from simulators.channels.clock import SimClock, china_plain
from simulators.channels.scheduler import Scheduler

DEST_CODE: Final = "10690001"
ATTEMPTS_KEPT: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyAttempt:
    """One posting of a reply, and how the receiver answered."""

    sequence_id: int
    number: int
    sent_at: datetime
    status: int | None


class Replies:
    """Hands on what a phone texts back."""

    def __init__(
        self,
        *,
        clock: SimClock,
        scheduler: Scheduler,
        client: httpx.AsyncClient,
        url: str | None,
        sign_name: str,
    ) -> None:
        self._clock = clock
        self._scheduler = scheduler
        self._client = client
        self.url = url
        self._sign_name = sign_name
        self._numbers = itertools.count(int(clock.wall().timestamp() * 1000))
        self.attempts: deque[ReplyAttempt] = deque(maxlen=ATTEMPTS_KEPT)

    def use_client(self, client: httpx.AsyncClient) -> None:
        """Post through another client from now on."""
        self._client = client

    async def send(self, *, phone: str, content: str) -> int:
        """Post one reply at once and return its number; a refusing receiver hears it again."""
        sequence = next(self._numbers)
        reply = {
            "phone_number": phone,
            "send_time": china_plain(self._clock.now()),
            "content": content,
            "sign_name": self._sign_name,
            "dest_code": DEST_CODE,
            "sequence_id": sequence,
        }
        await self._post(reply, number=1)
        return sequence

    async def _post(self, reply: dict[str, Any], *, number: int) -> None:
        if self.url is None:
            return
        status: int | None = None
        accepted = False
        try:
            response = await self._client.post(self.url, json=[reply])
        except httpx.HTTPError:
            pass
        else:
            status, accepted = response.status_code, is_accepted(response)
        self.attempts.append(
            ReplyAttempt(
                sequence_id=reply["sequence_id"],
                number=number,
                sent_at=self._clock.now(),
                status=status,
            )
        )
        if not accepted and number <= len(RETRY_SECONDS):
            due = self._clock.after(RETRY_SECONDS[number - 1])
            self._scheduler.at(due, lambda: self._post(reply, number=number + 1))
