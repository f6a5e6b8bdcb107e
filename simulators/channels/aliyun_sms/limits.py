"""Limits per phone number, counted at submission over rolling spans (flow control rules)."""

from collections import defaultdict, deque
from datetime import datetime, timedelta
from typing import Final

from simulators.channels.aliyun_sms.errors import SmsRefused
from simulators.channels.aliyun_sms.templates import TemplateKind

_MINUTE: Final = ("分钟", timedelta(minutes=1))
_HOUR: Final = ("小时", timedelta(hours=1))
_DAY: Final = ("天", timedelta(hours=24))

_LIMITS: Final = {
    TemplateKind.CODE: ((*_MINUTE, 1), (*_HOUR, 5), (*_DAY, 10)),
    TemplateKind.NOTICE: ((*_DAY, 50),),
    TemplateKind.MARKETING: ((*_DAY, 50),),
}


class NumberLimits:
    """Codes are counted per signature and number, other texts per template as well."""

    def __init__(self, *, enabled: bool) -> None:
        self.enabled = enabled
        self._sent: defaultdict[tuple[str, ...], deque[datetime]] = defaultdict(deque)

    def check(
        self, *, kind: TemplateKind, sign_name: str, template: str, phone: str, now: datetime
    ) -> None:
        """Raises SmsRefused isv.BUSINESS_LIMIT_CONTROL when one more would be too many."""
        if not self.enabled:
            return
        sent = self._sent.get(_key(kind, sign_name, template, phone), ())
        for word, span, most in _LIMITS[kind]:
            if sum(at > now - span for at in sent) >= most:
                raise SmsRefused("isv.BUSINESS_LIMIT_CONTROL", f"触发{word}级流控Permits:{most}")

    def count(
        self, *, kind: TemplateKind, sign_name: str, template: str, phone: str, now: datetime
    ) -> None:
        """Note one submission."""
        if not self.enabled:
            return
        sent = self._sent[_key(kind, sign_name, template, phone)]
        sent.append(now)
        while sent[0] <= now - _DAY[1]:
            sent.popleft()


def _key(kind: TemplateKind, sign_name: str, template: str, phone: str) -> tuple[str, ...]:
    return (sign_name, phone) if kind is TemplateKind.CODE else (sign_name, phone, template)
