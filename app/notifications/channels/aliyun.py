"""Aliyun SMS (Dysms 2017-05-25): SendSms and QuerySendDetails over httpx.

Source: SendSms and QuerySendDetails of the Dysms API reference. Parameters travel in the query,
signed by ACS3; the body is empty.
"""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import httpx

from app.core.clock import local_date, wall_now
from app.core.config import AliyunSmsSettings
from app.core.outbound import OutcomeUnknown
from app.notifications.channels.acs3 import canonical_query, signed_headers
from app.notifications.channels.protocol import (
    Accepted,
    Fate,
    Found,
    RefusalKind,
    Refused,
    SendAnswer,
    Unreached,
)
from app.notifications.states import SmsAccount

PROVIDER: Final = "aliyun"
VERSION: Final = "2017-05-25"
TIMEOUT: Final = httpx.Timeout(10.0, connect=3.0)
PAGE: Final = 50
MAX_PAGES: Final = 20
CALL_SPAN: Final = timedelta(seconds=60)
"""From our stamp of an attempt to the provider's, at most."""

_LATER: Final = frozenset(
    {
        "isv.DAY_LIMIT_CONTROL",
        "isp.GATEWAY_ERROR",
        "isp.SYSTEM_ERROR",
        "InvalidTimeStamp.Expired",
        "SignatureNonceUsed",
    }
)
_NUMBER: Final = "isv.BUSINESS_LIMIT_CONTROL"
_TEMPLATE: Final = frozenset({"isv.SMS_TEMPLATE_ILLEGAL", "isv.TEMPLATE_MISSING_PARAMETERS"})
_ACCOUNT: Final = frozenset(
    {
        "isv.ACCOUNT_ABNORMAL",
        "isv.ACCOUNT_NOT_EXISTS",
        "isv.DENY_IP_RANGE",
        "isv.AMOUNT_NOT_ENOUGH",
        "isv.OUT_OF_SERVICE",
        "isv.PRODUCT_UN_SUBSCRIPT",
        "isv.PRODUCT_UNSUBSCRIBE",
        "isv.SIGN_STATE_ILLEGAL",
        "isv.SMS_SIGNATURE_ILLEGAL",
        "isv.SMS_SIGN_ILLEGAL",
        "isp.RAM_PERMISSION_DENY",
        "SignatureDoesNotMatch",
        "InvalidApi.NotFound",
    }
)
_ACCOUNT_PREFIXES: Final = ("InvalidAccessKeyId", "Forbidden", "NoPermission")
_FATES: Final = {"1": Fate.WAITING, "2": Fate.FAILED, "3": Fate.RECEIVED}


def refusal(code: str) -> Refused:
    """What a refusal's code asks of us."""
    if code == _NUMBER:
        return Refused(code, RefusalKind.NUMBER)
    if code in _LATER or code.startswith("Throttling"):
        return Refused(code, RefusalKind.LATER)
    if code in _TEMPLATE:
        return Refused(code, RefusalKind.TEMPLATE)
    if code in _ACCOUNT or code.startswith(_ACCOUNT_PREFIXES):
        return Refused(code, RefusalKind.ACCOUNT)
    return Refused(code, RefusalKind.FINAL)


class AliyunSms:
    """One account at Aliyun SMS."""

    provider = PROVIDER

    def __init__(
        self,
        settings: AliyunSmsSettings,
        *,
        http: httpx.AsyncClient,
        account: SmsAccount = SmsAccount.PRIMARY,
    ) -> None:
        self.account = account
        self._settings = settings
        self._http = http

    async def send(
        self, *, phone: str, template_code: str, parameters: Mapping[str, str], out_id: str
    ) -> SendAnswer:
        """Hand one message over; raises OutcomeUnknown or httpx errors."""
        try:
            answer = await self._call(
                "SendSms",
                {
                    "PhoneNumbers": phone,
                    "SignName": self._settings.sign_name,
                    "TemplateCode": template_code,
                    "TemplateParam": json.dumps(dict(parameters), ensure_ascii=False),
                    "OutId": out_id,
                },
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            return Unreached(type(error).__name__)
        if answer["Code"] != "OK":
            return refusal(str(answer["Code"]))
        message_id = answer.get("BizId")
        if not isinstance(message_id, str) or not message_id:
            raise OutcomeUnknown("accepted without a number")
        return Accepted(message_id)

    async def find(self, *, phone: str, out_id: str, sent_at: datetime) -> Found | None:
        """Search the phone's records of the day (around midnight: of both days).

        Raises OutcomeUnknown when the records cannot be read to their end.
        """
        days = {local_date(sent_at), local_date(sent_at + CALL_SPAN)}
        found = [
            detail
            for day in sorted(days)
            for detail in await self._details(phone=phone, day=day.strftime("%Y%m%d"))
            if detail.get("OutId") == out_id
        ]
        if not found:
            return None
        fates = {_fate(detail): str(detail.get("ErrCode") or "unknown") for detail in found}
        for fate in (Fate.RECEIVED, Fate.WAITING):
            if fate in fates:
                return Found(fate)
        return Found(Fate.FAILED, fates[Fate.FAILED])

    async def _details(self, *, phone: str, day: str) -> list[dict[str, Any]]:
        details: list[dict[str, Any]] = []
        for page in range(1, MAX_PAGES + 1):
            answer = await self._call(
                "QuerySendDetails",
                {
                    "PhoneNumber": phone,
                    "SendDate": day,
                    "PageSize": str(PAGE),
                    "CurrentPage": str(page),
                },
            )
            if answer["Code"] != "OK":
                raise OutcomeUnknown(f"QuerySendDetails: {answer['Code']}")
            batch = _detail_list(answer)
            details.extend(batch)
            if len(batch) < PAGE:
                return details
        raise OutcomeUnknown("QuerySendDetails: too many records")

    async def _call(self, action: str, query: dict[str, str]) -> dict[str, Any]:
        base = httpx.URL(self._settings.base_url)
        path = base.path or "/"
        headers = signed_headers(
            method="POST",
            path=path,
            query=query,
            host=base.netloc.decode(),
            action=action,
            version=VERSION,
            at=wall_now(),
            nonce=secrets.token_hex(16),
            access_key_id=self._settings.access_key_id,
            access_key_secret=self._settings.access_key_secret,
        )
        url = base.copy_with(path=path, query=canonical_query(query).encode())
        response = await self._http.post(url, headers=headers, timeout=TIMEOUT)
        if response.status_code >= 500:
            raise OutcomeUnknown(f"{action}: HTTP {response.status_code}")
        try:
            answer = response.json()
        except ValueError as error:
            raise OutcomeUnknown(f"{action}: not JSON") from error
        if not isinstance(answer, dict) or not isinstance(answer.get("Code"), str):
            raise OutcomeUnknown(f"{action}: no code in the answer")
        return answer


def _fate(detail: dict[str, Any]) -> Fate:
    return _FATES.get(str(detail.get("SendStatus")), Fate.WAITING)


def _detail_list(answer: dict[str, Any]) -> list[dict[str, Any]]:
    listed = answer.get("SmsSendDetailDTOs")
    details = listed.get("SmsSendDetailDTO") if isinstance(listed, dict) else None
    if not isinstance(details, list) or not all(isinstance(item, dict) for item in details):
        raise OutcomeUnknown("QuerySendDetails: unreadable records")
    return details
