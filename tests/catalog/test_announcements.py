"""News: published ahead, shown from its day to its last, mended, and kept by few."""

from datetime import timedelta

import httpx
import pytest

from app.identity.models import Role
from tests.factories.world import TODAY, World, once

NEWS = {"kind": "promotion", "title": "春季满赠", "body": "订满 90 天送 3 瓶。"}


async def publish(client: httpx.AsyncClient, world: World, **said: object) -> httpx.Response:
    body = NEWS | {"from_date": TODAY.isoformat()} | said
    headers = world.staff[Role.MANAGER].headers | once()
    return await client.post("/announcements", json=body, headers=headers)


async def titles(client: httpx.AsyncClient) -> list[str]:
    answer = await client.get("/announcements")
    assert answer.status_code == 200, answer.text
    return [one["title"] for one in answer.json()["items"]]


async def test_news_stands_from_its_day_to_its_last(
    client: httpx.AsyncClient, world: World
) -> None:
    last = TODAY.isoformat()
    today = await publish(client, world, to_date=last)
    assert (today.status_code, today.json()["to_date"]) == (201, last)
    await publish(client, world, title="下月新品", from_date="2026-04-01")
    await publish(client, world, title="长期有效", from_date="2026-01-01")
    assert await titles(client) == ["春季满赠", "长期有效"]
    headers = world.staff[Role.MANAGER].headers
    every = await client.get("/catalog/announcements?limit=2", headers=headers)
    assert [one["title"] for one in every.json()["items"]] == ["下月新品", "春季满赠"]
    rest = await client.get(
        f"/catalog/announcements?limit=2&cursor={every.json()['next_cursor']}", headers=headers
    )
    assert [one["title"] for one in rest.json()["items"]] == ["长期有效"]
    assert rest.json()["next_cursor"] is None


async def test_news_is_mended_and_ended(client: httpx.AsyncClient, world: World) -> None:
    made = (await publish(client, world, from_date="2026-03-01")).json()
    headers = world.staff[Role.ADMIN].headers
    path = f"/announcements/{made['id']}"
    ended = {"title": "已改名", "to_date": (TODAY - timedelta(days=1)).isoformat()}
    answer = await client.patch(path, json=ended, headers=headers)
    assert (answer.status_code, answer.json()["title"]) == (200, "已改名")
    assert await titles(client) == []
    wrong = await client.patch(path, json={"to_date": "2026-02-01"}, headers=headers)
    assert (wrong.status_code, wrong.json()["code"]) == (400, "period_invalid")
    missing = await client.patch(
        "/announcements/ann_" + "0" * 26, json={"title": "x"}, headers=headers
    )
    assert missing.status_code == 404


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "gossip"},
        {"title": " "},
        {"body": ""},
        {"to_date": "2026-01-01"},
        {"from_date": "soon"},
    ],
)
async def test_what_is_wrong_is_not_published(
    client: httpx.AsyncClient, world: World, wrong: dict[str, str]
) -> None:
    assert (await publish(client, world, **wrong)).status_code in {400, 422}
    assert await titles(client) == []


async def test_published_twice_it_stands_once(client: httpx.AsyncClient, world: World) -> None:
    headers = world.staff[Role.MANAGER].headers | once()
    body = NEWS | {"from_date": TODAY.isoformat()}
    for _ in range(2):
        assert (await client.post("/announcements", json=body, headers=headers)).status_code == 201
    assert len(await titles(client)) == 1
