"""The one way of a change: previewed, then exactly that, or refused.

The preview's token names the order's version and a digest of what was shown. Applying it computes
the change again under the order's lock with the first affected day held open; any difference is
`PreviewOutdated` and nothing happens.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.crypto import KeyRing
from app.network.errors import DayClosed
from app.network.service import hold_open_days
from app.orders import repository
from app.orders.changes.computing import compute
from app.orders.changes.previews import Effect, holds_of, make_token, read_token
from app.orders.changes.relocating import write_move
from app.orders.changes.wanted import WantedChange
from app.orders.changes.writing import write_change
from app.orders.errors import (
    ChangeTooEarly,
    NothingToChange,
    PauseOverlaps,
    PreviewInvalid,
    PreviewOutdated,
)
from app.orders.models import OrderChange


async def preview_change(
    session: AsyncSession,
    keys: KeyRing,
    *,
    customer_id: UUID,
    order_id: UUID,
    wanted: WantedChange,
    now: datetime,
) -> tuple[Effect, str]:
    """What the change would do, and the token that makes exactly that happen.

    Raises OrderNotChangeable, NothingToChange, PromotionForbids and what its kind raises.
    """
    order = await repository.read_order(session, customer_id, order_id)
    computed = await compute(session, order, wanted, now=now)
    return computed.effect, make_token(keys, order, computed.effect, holds=computed.holds)


async def apply_change(
    session: AsyncSession,
    keys: KeyRing,
    *,
    customer_id: UUID,
    order_id: UUID,
    token: str,
    actor: str,
    now: datetime,
) -> tuple[OrderChange, Effect]:
    """Do what the preview showed; raises PreviewInvalid, PreviewOutdated, OrderNotChangeable."""
    said = read_token(keys, token)
    if said["order"] != str(order_id) or said["customer"] != str(customer_id):
        raise PreviewInvalid
    wanted = WantedChange.from_json(said["wanted"])
    try:
        # The days before the order, as an operator's withdrawal locks them.
        await hold_open_days(session, holds=holds_of(said), now=now)
        order = await repository.lock_order(session, customer_id, order_id)
        if order.version != said["version"]:
            raise PreviewOutdated
        computed = await compute(session, order, wanted, now=now)
    except (ChangeTooEarly, NothingToChange, PauseOverlaps, DayClosed) as error:
        raise PreviewOutdated from error
    if computed.effect.digest() != said["digest"]:
        raise PreviewOutdated
    if computed.destination is not None:
        change = await write_move(session, order, computed, actor=actor, now=now)
    else:
        change = await write_change(
            session, order, computed.effect, computed.outcome, actor=actor, now=now
        )
    return change, computed.effect
