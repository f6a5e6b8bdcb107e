"""The control API: tests and demos steer the simulator, from this machine only. JSON throughout."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.channels.faults import ArmedFault, FaultOrder
from simulators.channels.guard import loopback_only
from simulators.channels.simulator import ChannelSimulator

_Model = TypeVar("_Model", bound=BaseModel)
Json = dict[str, Any] | list[Any]
Action = Callable[[Request], Awaitable[Json]]

_LONGEST_JUMP: Final = 400 * 24 * 3600


class ControlError(Exception):
    """A control request that cannot be done."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Advance(_Body):
    """A move of the clock, in seconds."""

    seconds: float = Field(ge=0, le=_LONGEST_JUMP)


class SmsLimits(_Body):
    """Whether the limits per phone number hold."""

    enabled: bool


class ReceiptUrl(_Body):
    """Where delivery receipts or replies go; null sends none."""

    url: str | None


class PhoneReply(_Body):
    """What a phone texts back."""

    phone: str = Field(min_length=1, max_length=20)
    content: str = Field(max_length=300)


class TemplateTexts(RootModel[dict[str, str]]):
    """SMS texts by template code."""


async def read_model(request: Request, model: type[_Model]) -> _Model:
    """The checked JSON body, `{}` when empty; raises ControlError 415 or 422."""
    body = await request.body()
    if body and not request.headers.get("content-type", "").startswith("application/json"):
        raise ControlError(415, "JSON_ONLY", "Content-Type必须为application/json")
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        text = "; ".join(
            f"{'.'.join(str(part) for part in issue['loc'])}: {issue['msg']}"
            for issue in error.errors(include_url=False, include_input=False)
        )
        raise ControlError(422, "BAD_REQUEST", text) from error


def plain(row: Any) -> dict[str, Any]:
    """A dataclass row as JSON values; instants in ISO 8601."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in dataclasses.asdict(row).items()
    }


def control_route(method: str, path: str, action: Action, *, base_url: str) -> Route:
    """A route of the control API; errors become JSON."""

    async def serve(request: Request) -> Response:
        try:
            return JSONResponse(await action(request))
        except ControlError as error:
            answer = {"code": error.code, "message": error.message}
            return JSONResponse(answer, status_code=error.status)

    return Route(path, loopback_only(serve, base_url=base_url), methods=[method])


class Control:
    """Clock, faults and SMS."""

    def __init__(self, simulator: ChannelSimulator) -> None:
        self._simulator = simulator

    def routes(self) -> list[Route]:
        """The routes under /control that belong to no single payment."""
        listed: list[tuple[str, str, Action]] = [
            ("POST", "/control/run-due", self._run_due),
            ("POST", "/control/clock/advance", self._advance),
            ("GET", "/control/faults", self._faults),
            ("POST", "/control/faults", self._arm),
            ("DELETE", "/control/faults", self._clear),
            ("DELETE", "/control/faults/{fault:int}", self._clear),
            ("GET", "/control/templates", self._templates),
            ("POST", "/control/templates", self._register),
            ("GET", "/control/outbox", self._outbox),
            ("POST", "/control/sms/limits", self._limits),
            ("POST", "/control/sms/receipt-url", self._receipt_url),
            ("GET", "/control/sms/receipts", self._receipts),
            ("POST", "/control/sms/reply-url", self._reply_url),
            ("POST", "/control/sms/replies", self._reply),
            ("GET", "/control/sms/replies", self._replies),
        ]
        base_url = self._simulator.config.base_url
        return [control_route(*entry, base_url=base_url) for entry in listed]

    async def _run_due(self, _: Request) -> Json:
        return {"ran": await self._simulator.run_due()}

    async def _advance(self, request: Request) -> Json:
        asked = await read_model(request, Advance)
        ran = await self._simulator.advance(asked.seconds)
        return {"ran": ran, "now": self._simulator.clock.now().isoformat()}

    async def _faults(self, _: Request) -> Json:
        return [_fault(fault) for fault in self._simulator.faults.all()]

    async def _arm(self, request: Request) -> Json:
        order = await read_model(request, FaultOrder)
        return _fault(self._simulator.faults.arm(order))

    async def _clear(self, request: Request) -> Json:
        return {"cleared": self._simulator.faults.clear(request.path_params.get("fault"))}

    async def _templates(self, _: Request) -> Json:
        return self._simulator.sms.templates.all()

    async def _register(self, request: Request) -> Json:
        texts = (await read_model(request, TemplateTexts)).root
        try:
            self._simulator.sms.templates.register(texts)
        except ValueError as error:
            raise ControlError(422, "TEMPLATE_REFUSED", str(error)) from error
        return {"registered": len(texts)}

    async def _outbox(self, request: Request) -> Json:
        phone = request.query_params.get("phone") or None
        return [plain(sms) for sms in self._simulator.sms.outbox.newest(phone=phone)]

    async def _limits(self, request: Request) -> Json:
        self._simulator.limits.enabled = (await read_model(request, SmsLimits)).enabled
        return {"enabled": self._simulator.limits.enabled}

    async def _receipt_url(self, request: Request) -> Json:
        self._simulator.receipts.url = (await read_model(request, ReceiptUrl)).url
        return {"url": self._simulator.receipts.url}

    async def _reply_url(self, request: Request) -> Json:
        self._simulator.replies.url = (await read_model(request, ReceiptUrl)).url
        return {"url": self._simulator.replies.url}

    async def _reply(self, request: Request) -> Json:
        said = await read_model(request, PhoneReply)
        sequence = await self._simulator.replies.send(phone=said.phone, content=said.content)
        return {"sequence_id": sequence}

    async def _replies(self, _: Request) -> Json:
        return [plain(attempt) for attempt in self._simulator.replies.attempts]

    async def _receipts(self, _: Request) -> Json:
        return [plain(attempt) for attempt in self._simulator.receipts.attempts]


def _fault(fault: ArmedFault) -> dict[str, Any]:
    return {"id": fault.id, "hits": fault.hits} | fault.order.model_dump(mode="json")
