"""What staff see of a customer's messages, and who sees it."""

import httpx
import pytest

from app.core.ids import HOUSE, new_id, public_single
from app.identity.models import Role
from tests.factories.notifications import Stage
from tests.factories.world import World


async def test_messages_are_listed_masked_newest_first(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    customer_id = world.household.customer_id
    for number in range(3):
        await stage.write(
            cause=f"ticket:{number}", customer_id=customer_id, phone=world.household.phone
        )
    await stage.work("ticket:2")
    await stage.write(cause="ticket:9", customer_id=new_id())
    agent = world.staff[Role.SERVICE_AGENT].headers
    path = f"/sms?customer={public_single('cus', customer_id)}&limit=2"
    first = await client.get(path, headers=agent)
    assert world.household.phone not in first.text
    assert "T2603150001" not in first.text
    items = first.json()["items"]
    assert [item["status"] for item in items] == ["accepted", "queued"]
    phone = world.household.phone
    assert {item["phone"] for item in items} == {f"{phone[:3]}****{phone[-4:]}"}
    rest = await client.get(f"{path}&cursor={first.json()['next_cursor']}", headers=agent)
    assert len(rest.json()["items"]) == 1
    assert rest.json()["next_cursor"] is None


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CUSTOMER])
async def test_who_may_see_messages(
    client: httpx.AsyncClient, world: World, stage: Stage, role: Role
) -> None:
    path = f"/sms?customer={public_single('cus', world.household.customer_id)}"
    answer = await client.get(path, headers=world.staff[role].headers)
    allowed = role in {Role.SERVICE_AGENT, Role.MANAGER}
    assert answer.status_code == (200 if allowed else 403)
    assert (await client.get(path, headers=world.household.headers)).status_code == 403


async def test_login_codes_belong_to_nobodys_list(
    client: httpx.AsyncClient, world: World, stage: Stage
) -> None:
    await stage.write_code()
    agent = world.staff[Role.SERVICE_AGENT].headers
    for customer in (public_single("cus", HOUSE), "cus_x", ""):
        answer = await client.get(f"/sms?customer={customer}", headers=agent)
        assert answer.status_code == 404
