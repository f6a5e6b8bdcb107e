"""The endpoint that ERPs and middleware push orders to."""

from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.core.clock import wall_now
from app.core.db import SessionDep
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep
from app.marketplaces import service
from app.marketplaces.api.callers import ShopCode
from app.marketplaces.channels.erp import MAX_BYTES, PushedBody
from app.marketplaces.errors import PushMalformed, PushTooLarge
from app.marketplaces.order_schemas import PushedOut

router = Router()


def _inlined(part: Any, shapes: dict[str, Any]) -> Any:
    """A JSON schema without references: the document knows no shapes that no parameter names."""
    if isinstance(part, list):
        return [_inlined(one, shapes) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" in part:
        return _inlined(shapes[part["$ref"].rpartition("/")[2]], shapes)
    return {name: _inlined(one, shapes) for name, one in part.items() if name != "$defs"}


def _body_schema() -> Any:
    schema = PushedBody.model_json_schema()
    return _inlined(schema, schema["$defs"])


@router.post(
    "/channels/erp/{shop}/orders",
    dependencies=[OPEN],
    openapi_extra={
        "parameters": [
            {"in": "header", "name": name, "required": True, "schema": {"type": "string"}}
            for name in ("X-Timestamp", "X-Nonce", "X-Signature")
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _body_schema()}},
        },
    },
)
async def take_push(
    request: Request, shop: ShopCode, session: SessionDep, clock: ClockDep
) -> PushedOut:
    """Orders and refunds of a shop, signed: hex HMAC-SHA256 of `timestamp.nonce.body`.

    The timestamp is in seconds and at most five minutes away, the nonce new. All of a push is
    written, or nothing; the same orders pushed again are known.
    """
    push = service.Push(shop=shop, headers=request.headers, body=await _short_body(request))
    intake = await service.take_push(session, push, wall=wall_now(), now=clock.now())
    return PushedOut(
        new=intake.new, updated=intake.updated, known=intake.known, refunds=intake.refunds
    )


async def _short_body(request: Request) -> bytes:
    parts, size = [], 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > MAX_BYTES:
                raise PushTooLarge(most_bytes=MAX_BYTES)
    except ClientDisconnect as error:
        raise PushMalformed("the sender hung up") from error
    return b"".join(parts)
