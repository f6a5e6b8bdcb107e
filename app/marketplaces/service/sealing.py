"""What is kept sealed of shops and outside orders."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from pydantic_core import to_jsonable_python

from app.core.crypto import Cell
from app.core.runtime import keys
from app.marketplaces.intake import Receiver
from app.marketplaces.models import ExternalOrder, Shop


def seal_order(column: str, external_id: UUID, said: Mapping[str, Any]) -> bytes:
    """A JSON object into one cell of an outside order."""
    text = json.dumps(to_jsonable_python(said, fallback=str), ensure_ascii=False)
    return keys().seal(text, Cell("external_orders", column, external_id))


def open_raw(order: ExternalOrder) -> Any:
    """The message as it came; None after an erasure."""
    if not order.raw_sealed:
        return None
    cell = Cell("external_orders", "raw", order.external_id)
    return json.loads(keys().open(order.raw_sealed, cell))


def open_receiver(order: ExternalOrder) -> Receiver:
    """The receiver as the marketplace told; empty after an erasure."""
    if not order.receiver_sealed:
        return Receiver()
    cell = Cell("external_orders", "receiver", order.external_id)
    return Receiver(**json.loads(keys().open(order.receiver_sealed, cell)))


def seal_token(order: ExternalOrder, token: str) -> bytes:
    """The token of a claim link, for the agent who copies it."""
    return keys().seal(token, Cell("external_orders", "claim_token", order.external_id))


def open_token(order: ExternalOrder) -> str | None:
    """The token of the newest claim link."""
    if order.claim_token_sealed is None:
        return None
    cell = Cell("external_orders", "claim_token", order.external_id)
    return keys().open(order.claim_token_sealed, cell)


def seal_shop(shop_id: UUID, column: str, text: str) -> bytes:
    """A secret of a shop."""
    return keys().seal(text, Cell("marketplace_shops", column, shop_id))


def open_credentials(shop: Shop) -> dict[str, str] | None:
    """app_key, app_secret and session; None where the shop is not pulled."""
    if shop.credentials_sealed is None:
        return None
    cell = Cell("marketplace_shops", "credentials", shop.shop_id)
    said: dict[str, str] = json.loads(keys().open(shop.credentials_sealed, cell))
    return said


def open_push_secret(shop: Shop) -> str | None:
    """What pushes of the shop are signed with; None where it takes none."""
    if shop.push_secret_sealed is None:
        return None
    return keys().open(
        shop.push_secret_sealed, Cell("marketplace_shops", "push_secret", shop.shop_id)
    )
