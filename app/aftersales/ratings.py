"""One-tap ratings of a stop by its customer (S1 4.4.7); no KPI of the standard counts them."""

from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID, uuid5

from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales import repository
from app.aftersales.errors import AlreadyRated, NothingToRate
from app.aftersales.states import AnswerKind
from app.core.errors import NotFound
from app.customers import service as customers
from app.delivery.models import DeliveryStatus


def stop_id(*, address_id: UUID, service_date: date) -> UUID:
    """Id of a stop as the source of a rating: the same for every line brought there that day."""
    return uuid5(address_id, service_date.isoformat())


async def list_scores(
    session: AsyncSession, *, customer_id: UUID, stops: Collection[tuple[UUID, date]]
) -> dict[tuple[UUID, date], int]:
    """Scores a customer gave to these (address, date), where given."""
    ids = {stop_id(address_id=address, service_date=day): (address, day) for address, day in stops}
    given = await repository.list_ratings(session, customer_id=customer_id, source_ids=ids.keys())
    return {ids[source_id]: score for source_id, score in given.items()}


async def rate_delivery(
    session: AsyncSession,
    *,
    customer_id: UUID,
    order_line_id: UUID,
    service_date: date,
    score: int,
    now: datetime,
) -> UUID | None:
    """Score (1-5) the stop at which a line was due, once; answers the deliverer rated.

    Raises NotFound for a line that is not the customer's, NothingToRate, AlreadyRated.
    """
    owner = await repository.find_order_of_line(
        session, customer_id=customer_id, order_line_id=order_line_id
    )
    if owner is None:
        raise NotFound
    found = await repository.find_delivery(
        session, customer_id=customer_id, order_line_id=order_line_id, service_date=service_date
    )
    if found is None or found[0].status is DeliveryStatus.PLANNED:
        raise NothingToRate
    delivery, city_code = found
    stored = await repository.add_answer_once(
        session,
        answer={
            "customer_id": customer_id,
            "kind": AnswerKind.RATING,
            "source_id": stop_id(address_id=delivery.address_id, service_date=service_date),
            "score": score,
            "customer_kind": await customers.customer_kind(session, customer_id=customer_id),
            "city_code": city_code,
            "station_id": delivery.station_id,
            "block_id": delivery.block_id,
            "deliverer_id": delivery.deliverer_id,
            "at": now,
        },
    )
    if not stored:
        raise AlreadyRated
    return delivery.deliverer_id
