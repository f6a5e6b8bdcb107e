"""What is owed in milk (预收款余额), by station, dealer and age, and what of it is held in custody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.billing.errors import DateNotBegun
from app.core.clock import local_date
from app.delivery.repository import liability as rows
from app.delivery.repository.liability import StationLiability, StationName
from app.delivery.settlement_models import CustodyPolicy


@dataclass(frozen=True, slots=True)
class Liability:
    """Balances to the end of a date, in fen; the custody share is rounded up."""

    date: date
    stations: Sequence[tuple[StationLiability, StationName | None]]
    """By code; what has no station comes last."""
    total_fen: int
    policy: CustodyPolicy | None
    custody_fen: int | None


async def read_liability(session: AsyncSession, *, on: date | None, now: datetime) -> Liability:
    """What is owed in milk to the end of a date, by default today; raises DateNotBegun."""
    today = local_date(now)
    until = on or today
    if until > today:
        raise DateNotBegun(today=today.isoformat())
    found = await rows.list_owed(session, until=until)
    names = await rows.list_names(
        session, [one.station_id for one in found if one.station_id is not None], until=until
    )
    named = [(one, None if one.station_id is None else names[one.station_id]) for one in found]
    named.sort(key=lambda pair: (pair[1] is None, pair[1].code if pair[1] else ""))
    total_fen = sum(one.total_fen for one in found)
    policy = next(
        (one for one in await rows.list_policies(session) if one.valid_from <= until), None
    )
    return Liability(
        date=until,
        stations=named,
        total_fen=total_fen,
        policy=policy,
        custody_fen=None if policy is None else custody_of(total_fen, policy.permille),
    )


def custody_of(total_fen: int, permille: int) -> int:
    """The part of a balance to be held in custody, in fen, rounded up; nothing below zero."""
    return max(0, -(-total_fen * permille // 1000))


async def list_custody_policies(session: AsyncSession) -> list[CustodyPolicy]:
    """Custody policies, the latest first."""
    return await rows.list_policies(session)


async def set_custody_policy(
    session: AsyncSession,
    *,
    valid_from: date,
    permille: int,
    article: str,
    by: UUID,
    now: datetime,
) -> None:
    """Set which part of balances is held in custody from a date on, and by which rule."""
    await rows.put_policy(
        session, valid_from=valid_from, permille=permille, article=article, by=by, at=now
    )
