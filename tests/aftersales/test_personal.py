"""A customer's own words: copied out, forgotten, sealed anew."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.aftersales.models import RESEALABLE, ReturnVisit, TicketMessage
from app.core.crypto import Cell
from app.core.events import publish
from app.identity.events import CustomerErased, CustomerExportAsked
from tests.factories.aftersales import Desk, stored
from tests.factories.world import MORNING
from tests.fixtures.application import test_keys


async def test_a_copy_holds_the_public_thread(desk: Desk, session: AsyncSession) -> None:
    household = desk.world.household
    ticket = await desk.file()
    await desk.reply(ticket["id"], audience="internal", body="内部")
    asked = CustomerExportAsked(customer_id=household.customer_id)
    await publish(session, asked)
    exported = asked.parts["tickets"]
    assert [one["ticket_no"] for one in exported] == [ticket["ticket_no"]]
    assert [said["author"] for said in exported[0]["messages"]] == ["customer", "system"]
    assert "内部" not in str(exported)


async def test_a_forgotten_customer_leaves_numbers_and_no_words(
    desk: Desk, session: AsyncSession
) -> None:
    other = await desk.world.add_household(session)
    await session.commit()
    kept = await desk.file(other)
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    await desk.visit(ticket["id"], None)

    await publish(session, CustomerErased(customer_id=desk.world.household.customer_id, at=MORNING))
    await session.commit()

    owners = set(await session.scalars(select(TicketMessage.customer_id)))
    assert owners == {other.customer_id}
    file = await desk.read(ticket["id"])
    assert file["messages"] == []
    assert file["visits"][0]["remarks"] == "（应顾客要求已删除）"
    assert (await stored(session, ticket["id"])).status == "resolved"
    assert (await desk.read(kept["id"]))["messages"] != []


async def test_rotation_knows_where_the_words_are(desk: Desk, session: AsyncSession) -> None:
    ticket = await desk.file()
    await desk.resolve(ticket["id"])
    await desk.visit(ticket["id"], None)
    found = {table.model: table for table in RESEALABLE}
    for model in (TicketMessage, ReturnVisit):
        table = found[model]
        row = (await session.scalars(select(model))).first()
        assert row is not None
        for column, name in table.cells.items():
            cell = Cell(model.__tablename__, name, getattr(row, table.row_id))
            assert test_keys().open(getattr(row, column), cell)
