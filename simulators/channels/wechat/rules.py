"""Field rules of the requests the platform accepts (API v3 reference of orders and refunds)."""

import hashlib
import json
import re
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from simulators.channels.guard import is_loopback
from simulators.channels.wechat.errors import param_error

_RFC3339: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})", re.ASCII
)

_Model = TypeVar("_Model", bound=BaseModel)


def _notify_url(url: str) -> str:
    parts = urlsplit(url)
    host = parts.hostname or ""
    # the real platform takes https only; plain http is let through on this machine alone
    local = parts.scheme == "http" and (is_loopback(host) or ("." not in host and ":" not in host))
    if not host or (parts.scheme != "https" and not local):
        raise ValueError("通知地址必须为https")
    if parts.query or parts.fragment or "?" in url:
        raise ValueError("通知地址不能携带参数")
    return url


def _rfc3339(text: object) -> datetime:
    if not isinstance(text, str) or _RFC3339.fullmatch(text) is None:
        raise ValueError("时间格式必须为RFC 3339")
    return datetime.fromisoformat(text)


NotifyUrl = Annotated[str, Field(max_length=255), AfterValidator(_notify_url)]
Instant = Annotated[datetime, BeforeValidator(_rfc3339)]
TradeNo = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*]{6,32}$")]
RefundNo = Annotated[str, Field(pattern=r"^[0-9A-Za-z_\-|*@]{1,64}$")]
Fen = Annotated[int, Field(ge=1, le=10_000_000_000)]


class _Request(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class OrderAmount(_Request):
    """What the payer owes, in fen."""

    total: Fen
    currency: Literal["CNY"] = "CNY"


class Payer(_Request):
    """The payer inside the merchant's app."""

    openid: str = Field(min_length=1, max_length=128)


class H5Info(_Request):
    """Kind of browser an H5 payment starts in."""

    type: str = Field(min_length=1, max_length=32)


class SceneInfo(_Request):
    """Where the payer is."""

    payer_client_ip: str | None = Field(default=None, min_length=1, max_length=45)
    h5_info: H5Info | None = None


class PlaceOrder(_Request):
    """Fields all three order calls share."""

    appid: str = Field(min_length=1, max_length=32)
    mchid: str = Field(min_length=1, max_length=32)
    description: str = Field(min_length=1, max_length=127)
    out_trade_no: TradeNo
    time_expire: Instant | None = None
    attach: str | None = Field(default=None, max_length=128)
    notify_url: NotifyUrl
    amount: OrderAmount
    payer: Payer | None = None
    scene_info: SceneInfo | None = None


class CloseOrder(_Request):
    """Body of the close call."""

    mchid: str = Field(min_length=1, max_length=32)


class RefundAmount(_Request):
    """What goes back, out of what was paid, in fen."""

    refund: Fen
    total: Fen
    currency: Literal["CNY"]


class AskRefund(_Request):
    """Body of the refund call; one of transaction_id and out_trade_no is needed."""

    transaction_id: str | None = Field(default=None, min_length=1, max_length=32)
    out_trade_no: TradeNo | None = None
    out_refund_no: RefundNo
    reason: str | None = Field(default=None, max_length=80)
    notify_url: NotifyUrl | None = None
    funds_account: Literal["AVAILABLE"] | None = None
    amount: RefundAmount


def read_body(body: bytes) -> dict[str, Any]:
    """A JSON object from a request body; raises WeChatError 400 for anything else."""
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise param_error("/", "请求体不是合法的JSON") from error
    if not isinstance(payload, dict):
        raise param_error("/", "请求体必须是JSON对象")
    return payload


def read_fields(model: type[_Model], payload: dict[str, Any]) -> _Model:
    """The checked fields of a payload; raises WeChatError 400 naming the first bad one."""
    try:
        return model.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        pointer = "/" + "/".join(str(part) for part in first["loc"])
        raise param_error(pointer, first["msg"]) from error


def fingerprint(kind: str, payload: dict[str, Any]) -> str:
    """Tells whether a repeated request has the same parameters."""
    text = json.dumps([kind, payload], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
