"""One tap after the milk came."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import SatisfactionAnswer
from app.core.ids import public_single
from app.delivery.models import DeliveryStatus
from tests.factories.aftersales import Desk, add_delivery
from tests.factories.delivery import RunningLine, add_line
from tests.factories.world import TODAY, Household, once


@pytest.fixture
async def line(desk: Desk, session: AsyncSession) -> RunningLine:
    """A line whose milk came this morning."""
    world = desk.world
    made = await add_line(session, world.household, world.milk_id, first=TODAY)
    await add_delivery(session, world, made, TODAY)
    await session.commit()
    return made


async def rate(
    desk: Desk, line: RunningLine, *, by: Household | None = None, score: int = 5, days: int = 0
) -> tuple[int, dict[str, object]]:
    """Rate a day of the line."""
    answer = await desk.client.post(
        "/deliveries-rating",
        json={
            "order_line_id": line.public_id,
            "service_date": (TODAY + timedelta(days)).isoformat(),
            "score": score,
        },
        headers=(by or desk.world.household).headers | once(),
    )
    return answer.status_code, answer.json()


async def test_a_delivery_is_rated_once(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    status, said = await rate(desk, line, score=4)
    assert (status, said["score"]) == (201, 4)
    assert said["deliverer_id"] == public_single("dlv", desk.world.deliverers[0])
    stored = (await session.scalars(select(SatisfactionAnswer))).one()
    assert (stored.kind, stored.score, stored.block_id) == ("rating", 4, desk.world.blocks[0])

    status, said = await rate(desk, line, score=1)
    assert (status, said["code"]) == (409, "already_rated")
    assert (await session.scalars(select(SatisfactionAnswer.score))).all() == [4]


async def test_two_lines_at_one_door_are_one_stop(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    world = desk.world
    second = await add_line(session, world.household, world.yogurt_id, first=TODAY)
    await add_delivery(session, world, second, TODAY)
    await session.commit()
    assert (await rate(desk, line))[0] == 201
    assert (await rate(desk, second))[1]["code"] == "already_rated"


async def test_only_what_came_and_was_mine_is_rated(
    desk: Desk, session: AsyncSession, line: RunningLine
) -> None:
    world = desk.world
    other = await world.add_household(session)
    await add_delivery(session, world, line, TODAY + timedelta(1), status=DeliveryStatus.PLANNED)
    await session.commit()
    assert refusal(await rate(desk, line, by=other)) == (404, "not_found")
    assert refusal(await rate(desk, line, days=1)) == (409, "nothing_to_rate")
    assert refusal(await rate(desk, line, days=-1)) == (409, "nothing_to_rate")
    assert (await rate(desk, line, score=6))[0] == 422
    assert await session.scalar(select(func.count()).select_from(SatisfactionAnswer)) == 0


def refusal(answer: tuple[int, dict[str, object]]) -> tuple[int, object]:
    """Status and code of a refusal."""
    return answer[0], answer[1]["code"]
