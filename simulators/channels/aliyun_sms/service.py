"""SendSms and QuerySendDetails behind the door."""

import random
import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from simulators.channels.aliyun_sms.errors import SmsRefused
from simulators.channels.aliyun_sms.limits import NumberLimits
from simulators.channels.aliyun_sms.outbox import Outbox, SendStatus, Sms
from simulators.channels.aliyun_sms.receipts import Receipts
from simulators.channels.aliyun_sms.templates import Templates
from simulators.channels.clock import CHINA, SimClock, china_plain
from simulators.channels.credentials import SmsAccount

MAX_NUMBERS: Final = 1000
DETAIL_DAYS: Final = timedelta(days=30)

_PHONE: Final = re.compile(r"(?:\+?86|0086)?(1[3-9]\d{9})", re.ASCII)


class SmsService:
    """Sending and records of the accounts; both have the same texts."""

    def __init__(
        self,
        *,
        accounts: Mapping[str, SmsAccount],
        clock: SimClock,
        templates: Templates,
        limits: NumberLimits,
        outbox: Outbox,
        receipts: Receipts,
    ) -> None:
        self._accounts = accounts
        self._clock = clock
        self._limits = limits
        self._receipts = receipts
        self.templates = templates
        self.outbox = outbox

    def send(self, params: Mapping[str, str], account: str) -> str:
        """Accept one text for up to 1000 numbers and return its BizId.

        A batch with one refused number is refused whole. Raises SmsRefused.
        """
        phones = _read_phones(params.get("PhoneNumbers", ""))
        sign_name = self._accounts[account].sign_name
        if params.get("SignName") != sign_name:
            raise SmsRefused("isv.SMS_SIGNATURE_ILLEGAL", "该账号下找不到对应签名")
        template = self.templates.get(params.get("TemplateCode", ""))
        text = f"【{sign_name}】{template.fill(params.get('TemplateParam'))}"
        now = self._clock.now()
        for phone in phones:
            self._limits.check(
                kind=template.kind,
                sign_name=f"{account}:{sign_name}",
                template=template.code,
                phone=phone,
                now=now,
            )
        biz_id = f"{random.randrange(10**12, 10**13)}{int(now.timestamp() * 10)}^0"
        batch = []
        for phone in phones:
            self._limits.count(
                kind=template.kind,
                sign_name=f"{account}:{sign_name}",
                template=template.code,
                phone=phone,
                now=now,
            )
            sms = Sms(
                account=account,
                biz_id=biz_id,
                phone=phone,
                sign_name=sign_name,
                template_code=template.code,
                text=text,
                out_id=params.get("OutId", ""),
                sent_at=now,
            )
            self.outbox.add(sms)
            batch.append(sms)
        self._receipts.expect(batch)
        return biz_id

    def details(self, params: Mapping[str, str], account: str) -> dict[str, Any]:
        """Answer of QuerySendDetails: one number on one Beijing day, paged; raises SmsRefused."""
        phones = _read_phones(params.get("PhoneNumber", ""))
        day = self._day(params.get("SendDate", ""))
        size = _read_number(params, "PageSize", most=50)
        page = _read_number(params, "CurrentPage", most=10**6)
        found = self.outbox.on_day(
            phones[0], day.date(), account=account, biz_id=params.get("BizId")
        )
        shown = found[(page - 1) * size : page * size]
        return {
            "TotalCount": str(len(found)),
            "SmsSendDetailDTOs": {"SmsSendDetailDTO": [_detail(sms) for sms in shown]},
        }

    def _day(self, text: str) -> datetime:
        try:
            day = datetime.strptime(text, "%Y%m%d").replace(tzinfo=CHINA)
        except ValueError as error:
            raise SmsRefused("isv.INVALID_PARAMETERS", "SendDate格式应为yyyyMMdd") from error
        if self._clock.now() - day > DETAIL_DAYS + timedelta(days=1):
            raise SmsRefused("isv.INVALID_PARAMETERS", "只能查询最近30天")
        return day


def request_id() -> str:
    """An id in the provider's form."""
    return str(uuid.uuid4()).upper()


def _read_phones(text: str) -> list[str]:
    if not text:
        raise SmsRefused("isv.MOBILE_NUMBER_ILLEGAL", "手机号码不能为空")
    phones = []
    for part in text.split(","):
        match = _PHONE.fullmatch(part)
        if match is None:
            raise SmsRefused("isv.MOBILE_NUMBER_ILLEGAL", "手机号码格式错误")
        phones.append(match[1])
    if len(phones) > MAX_NUMBERS:
        raise SmsRefused("isv.MOBILE_COUNT_OVER_LIMIT", "手机号码数量超过限制")
    return list(dict.fromkeys(phones))


def _read_number(params: Mapping[str, str], name: str, *, most: int) -> int:
    text = params.get(name, "")
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= most):
        raise SmsRefused("isv.INVALID_PARAMETERS", f"{name}取值无效")
    return int(text)


def _detail(sms: Sms) -> dict[str, Any]:
    detail = {
        "PhoneNum": sms.phone,
        "SendStatus": int(sms.status),
        "Content": sms.text,
        "TemplateCode": sms.template_code,
        "SendDate": china_plain(sms.sent_at),
        "ErrCode": sms.err_code,
        "OutId": sms.out_id,
    }
    if sms.status is not SendStatus.WAITING and sms.reported_at is not None:
        detail["ReceiveDate"] = china_plain(sms.reported_at)
    return detail
