"""The whole day on a deliverer's phone: one call, few statements, doors only when they are new."""

from datetime import timedelta

from sqlalchemy import func, select, update

from app.core.ids import public_single
from app.delivery.models import RouteSheet
from app.identity.models import AccessLogEntry
from tests.delivery.conftest import AT_THE_DOOR, CountStatements, Round
from tests.factories.delivery import TOMORROW, stop_done
from tests.factories.world import TODAY

MOST_STATEMENTS = 10


async def looks(morning: Round) -> int:
    async with morning.database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(AccessLogEntry)) or 0


async def test_the_book_holds_the_day(morning: Round, count_statements: CountStatements) -> None:
    me = morning.world.deliverer_staff[0].headers
    with count_statements() as sent:
        answer = await morning.client.get("/me/route-book", headers=me)
    assert answer.status_code == 200
    asked = [statement for statement in sent if "SAVEPOINT" not in statement]
    assert len(asked) <= MOST_STATEMENTS, asked
    book = answer.json()
    assert (book["service_date"], book["business_at"][:16]) == (
        TOMORROW.isoformat(),
        "2026-03-15T22:10",
    )
    (route,) = book["rounds"]
    assert [stop["stop_no"] for stop in route["items"]] == sorted(
        stop["stop_no"] for stop in route["items"]
    )
    first = next(stop for stop in route["items"] if stop["stop"] == morning.milk.public_address_id)
    assert (first["door"], first["recipient"], first["phone"][3:7]) == ("301室", "王女士", "****")
    assert sorted(one["quantity"] for one in first["deliveries"]) == [1, 2]
    assert morning.milk.order_id.hex[-10:] in {one["order_no"] for one in first["deliveries"]}
    foreign = morning.foreign.public_address_id
    assert foreign not in answer.text

    (block,) = book["blocks"]
    assert (block["is_own"], block["station"], block["city_code"]) == (True, "徐汇奶站", "310000")
    assert block["places"] == [{"district": "徐汇区", "compound": "梅陇一村", "street": ""}]
    assert {product["code"]: product["price_fen"] for product in book["products"]} == {
        "MILK-195": 350,
        "YOG-200": 420,
    }
    assert {"code": "milk_short", "title": "奶不够", "our_fault": True} in book["reasons"]
    assert book["agreement"]["version"] == "2026-01"


async def test_an_unchanged_book_is_not_sent_and_opens_no_door(morning: Round) -> None:
    me = morning.world.deliverer_staff[0].headers
    first = await morning.client.get("/me/route-book", headers=me)
    seen = await looks(morning)
    assert seen > 0
    morning.clock.set(morning.clock.now() + timedelta(minutes=5))
    again = await morning.client.get(
        "/me/route-book", headers=me | {"If-None-Match": first.headers["etag"]}
    )
    assert (again.status_code, again.content) == (304, b"")
    assert await looks(morning) == seen

    tap = stop_done(morning.milk, device_at=morning.phone_time(AT_THE_DOOR))
    await morning.send(tap)
    changed = await morning.client.get(
        "/me/route-book", headers=me | {"If-None-Match": first.headers["etag"]}
    )
    assert changed.status_code == 200
    done = [
        one
        for stop in changed.json()["rounds"][0]["items"]
        for one in stop["deliveries"]
        if one["line_id"] == morning.milk.public_id
    ]
    assert [(one["status"], one["event_id"]) for one in done] == [("delivered", tap["event_id"])]


async def test_the_evening_before_shows_tomorrow_and_another_day_nothing(morning: Round) -> None:
    me = morning.world.deliverer_staff[0].headers
    morning.clock.set(morning.clock.now() - timedelta(hours=9))
    evening = (await morning.client.get("/me/route-book", headers=me)).json()
    assert evening["service_date"] == TODAY.isoformat()
    assert [route["service_date"] for route in evening["rounds"]] == [TOMORROW.isoformat()]
    morning.clock.set(morning.clock.now() + timedelta(days=3))
    later = await morning.client.get("/me/route-book", headers=me)
    assert (later.status_code, later.json()["rounds"]) == (200, [])


async def test_a_stand_in_gets_the_round_and_the_other_loses_it(morning: Round) -> None:
    async with morning.database.transaction() as session:
        await session.execute(
            update(RouteSheet)
            .where(RouteSheet.block_id == morning.world.blocks[0])
            .values(deliverer_id=morning.world.deliverers[1])
        )
    one, other = [
        (await morning.client.get("/me/route-book", headers=staff.headers)).json()
        for staff in morning.world.deliverer_staff
    ]
    assert one["rounds"] == []
    lent = public_single("blk", morning.world.blocks[0])
    assert len(other["rounds"]) == 2
    assert {block["id"]: block["is_own"] for block in other["blocks"]}[lent] is False
