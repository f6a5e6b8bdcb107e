"""Every SMS accepted, newest kept longest."""

from collections import deque
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import IntEnum
from typing import Final

from simulators.channels.clock import CHINA

KEPT: Final = 20_000


class SendStatus(IntEnum):
    """Delivery as QuerySendDetails numbers it."""

    WAITING = 1
    FAILED = 2
    RECEIVED = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Sms:
    """One text to one number; `text` is what the phone shows, the signature included."""

    account: str
    biz_id: str
    phone: str
    sign_name: str
    template_code: str
    text: str
    out_id: str
    sent_at: datetime
    status: SendStatus = SendStatus.WAITING
    err_code: str = ""
    reported_at: datetime | None = None

    @property
    def parts(self) -> int:
        """Billed parts: one up to 70 characters, then 67 each."""
        return 1 if len(self.text) <= 70 else -(-len(self.text) // 67)


class Outbox:
    """The last messages, by the pair of batch and number."""

    def __init__(self) -> None:
        self._order: deque[tuple[str, str]] = deque()
        self._messages: dict[tuple[str, str], Sms] = {}

    def add(self, sms: Sms) -> None:
        """Keep a message; the oldest makes room."""
        self._order.append((sms.biz_id, sms.phone))
        self._messages[sms.biz_id, sms.phone] = sms
        if len(self._order) > KEPT:
            del self._messages[self._order.popleft()]

    def finish(self, sms: Sms, *, status: SendStatus, err_code: str, at: datetime) -> Sms:
        """Note how the delivery ended."""
        done = replace(sms, status=status, err_code=err_code, reported_at=at)
        if (sms.biz_id, sms.phone) in self._messages:
            self._messages[sms.biz_id, sms.phone] = done
        return done

    def newest(self, *, phone: str | None = None, limit: int = 200) -> list[Sms]:
        """The newest messages first, of one number when given."""
        found: list[Sms] = []
        for key in reversed(self._order):
            if phone is None or key[1] == phone:
                found.append(self._messages[key])
                if len(found) == limit:
                    break
        return found

    def on_day(self, phone: str, day: date, *, account: str, biz_id: str | None) -> list[Sms]:
        """An account's messages to a number on a Beijing day, newest first, of one batch or all."""
        return [
            sms
            for sms in self.newest(phone=phone, limit=KEPT)
            if sms.account == account
            and sms.sent_at.astimezone(CHINA).date() == day
            and biz_id in {None, sms.biz_id}
        ]
