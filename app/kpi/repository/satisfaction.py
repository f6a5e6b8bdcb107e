"""Satisfaction answers and the return visits that asked for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import ReturnVisit, SatisfactionAnswer, Ticket
from app.aftersales.states import AnswerKind
from app.customers.models import CustomerKind
from app.kpi.repository.places import in_scope
from app.kpi.rules import GOOD_SCORE, Period
from app.kpi.scopes import Scope

HOUSEHOLD = SatisfactionAnswer.customer_kind == CustomerKind.HOUSEHOLD.value
ASKED_KINDS = (AnswerKind.RETURN_VISIT, AnswerKind.SURVEY)
GOOD = SatisfactionAnswer.score >= GOOD_SCORE


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers of one kind, and how many of them were 4 or 5."""

    count: int = 0
    good: int = 0


def given_in(period: Period, scope: Scope) -> list[ColumnElement[bool]]:
    """Conditions of answers given in a period."""
    return [
        SatisfactionAnswer.at >= period.starts_at,
        SatisfactionAnswer.at < period.ends_at,
        *in_scope(SatisfactionAnswer, scope),
    ]


async def count_answers(
    session: AsyncSession, *, scope: Scope, period: Period
) -> Mapping[tuple[bool, AnswerKind], Answers]:
    """Answers given in the period by (household or school, kind)."""
    rows = await session.execute(
        select(HOUSEHOLD, SatisfactionAnswer.kind, func.count(), func.count().filter(GOOD))
        .where(*given_in(period, scope))
        .group_by(HOUSEHOLD, SatisfactionAnswer.kind)
    )
    return {(row[0], AnswerKind(row[1])): Answers(row[2], row[3]) for row in rows}


async def count_visits(session: AsyncSession, *, scope: Scope, period: Period) -> tuple[int, int]:
    """Return visits to households in the period: tried, and reached."""
    row = (
        await session.execute(
            select(func.count(), func.count().filter(ReturnVisit.reached))
            .join(
                Ticket,
                and_(
                    Ticket.customer_id == ReturnVisit.customer_id,
                    Ticket.ticket_id == ReturnVisit.ticket_id,
                ),
            )
            .where(
                ReturnVisit.at >= period.starts_at,
                ReturnVisit.at < period.ends_at,
                Ticket.customer_kind == CustomerKind.HOUSEHOLD.value,
                *in_scope(Ticket, scope),
            )
        )
    ).one()
    return row[0], row[1]
