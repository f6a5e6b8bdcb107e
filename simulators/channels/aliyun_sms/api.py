"""The HTTP face of Dysms: one address, the action named in a header."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from simulators.channels.aliyun_sms.acs3 import Acs3Gate, SignedRequest
from simulators.channels.aliyun_sms.errors import GatewayError, SmsRefused
from simulators.channels.aliyun_sms.service import SmsService, request_id
from simulators.channels.faults import FaultBox, FaultKind
from simulators.channels.wire import ResetConnection, StalledAnswer

VERSION: Final = "2017-05-25"


class SmsApi:
    """Verifies a request, runs its action, answers as the gateway does."""

    def __init__(
        self, *, service: SmsService, gate: Acs3Gate, faults: FaultBox, stall_seconds: float
    ) -> None:
        self._service = service
        self._gate = gate
        self._faults = faults
        self._stall_seconds = stall_seconds
        self._actions: dict[str, Callable[[dict[str, str], str], dict[str, Any]]] = {
            "SendSms": self._send,
            "QuerySendDetails": service.details,
        }

    async def serve(self, request: Request) -> Response:
        """Answer one API call."""
        body = await request.body()
        action = request.headers.get("x-acs-action", "")
        params = _parameters(request, body)
        strikes = partial(
            self._faults.take,
            endpoint=action,
            reference=params.get("PhoneNumbers"),
            account=self._gate.claimed(request.headers.get("authorization", "")),
        )
        try:
            if strikes(FaultKind.SMS_DOWN):
                return _down()
            account = self._gate.check(_signed_request(request, body))
            if refused := strikes(FaultKind.SMS_REFUSED):
                return _answer({"Code": refused.code, "Message": "模拟的拒绝"})
            answer = self._run(action, request, params, account)
        except GatewayError as refusal:
            return _answer(
                {
                    "Code": refusal.code,
                    "Message": refusal.message,
                    "HostId": request.headers.get("host", ""),
                    "Recommend": f"https://api.aliyun.com/troubleshoot?q={refusal.code}",
                },
                status=refusal.status,
            )
        except SmsRefused as refusal:
            return _answer({"Code": refusal.code, "Message": refusal.message})
        if slow := strikes(FaultKind.SMS_SLOW):
            await asyncio.sleep(slow.seconds)
        if strikes(FaultKind.SMS_STALL):
            return StalledAnswer(seconds=self._stall_seconds)
        if strikes(FaultKind.SMS_RESET):
            return ResetConnection()
        return _answer({"Code": "OK", "Message": "OK"} | answer)

    def _run(
        self, action: str, request: Request, params: dict[str, str], account: str
    ) -> dict[str, Any]:
        run = self._actions.get(action)
        if run is None or request.headers.get("x-acs-version") != VERSION:
            text = "Specified api is not found, please check your url and method."
            raise GatewayError(404, "InvalidApi.NotFound", text)
        return run(params, account)

    def _send(self, params: dict[str, str], account: str) -> dict[str, Any]:
        return {"BizId": self._service.send(params, account)}


def _down() -> Response:
    text = "The request has failed due to a temporary failure of the server."
    return _answer({"Code": "ServiceUnavailable", "Message": text}, status=503)


def _signed_request(request: Request, body: bytes) -> SignedRequest:
    raw_path: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return SignedRequest(
        method=request.method,
        path=raw_path.decode("latin-1") or "/",
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers,
        body=body,
    )


def _parameters(request: Request, body: bytes) -> dict[str, str]:
    params = dict(request.query_params)
    kind = request.headers.get("content-type", "")
    if body and kind.startswith("application/x-www-form-urlencoded"):
        params |= dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return params


def _answer(payload: dict[str, Any], *, status: int = 200) -> Response:
    return JSONResponse(payload | {"RequestId": request_id()}, status_code=status)
