"""Dealers are kept by finance: stations change hands by days, terms by dates, names are read by all."""

import httpx

from app.core.db import Database
from app.core.ids import public_single
from app.identity.models import Role
from tests.factories.world import World, once


async def test_a_station_changes_hands_and_comes_back(
    client: httpx.AsyncClient, database: Database, world: World
) -> None:
    finance = world.staff[Role.FINANCE].headers
    ids = []
    for code in ("D01", "D02"):
        made = await client.post(
            "/dealers", json={"code": code, "name": f"经销商{code}"}, headers=finance | once()
        )
        assert made.status_code == 201, made.text
        ids.append(made.json()["id"])
    again = await client.post(
        "/dealers", json={"code": "D01", "name": "x"}, headers=finance | once()
    )
    assert (again.status_code, again.json()["code"]) == (409, "dealer_code_taken")

    station = f"/stations/{public_single('stn', world.station_id)}/dealer"

    async def give(dealer: str | None, first: str, last: str | None = None) -> httpx.Response:
        body = {"dealer": dealer, "from_date": first, "to_date": last}
        return await client.put(station, json=body, headers=finance)

    async def days(dealer: str) -> list[tuple[str, str | None]]:
        answer = await client.get(f"/dealers/{dealer}/stations", headers=finance)
        return [(one["from_date"], one["to_date"]) for one in answer.json()["items"]]

    assert (await give(ids[0], "2026-03-01")).status_code == 204
    assert (await give(ids[1], "2026-03-16")).status_code == 204
    assert (await give(None, "2026-03-20", "2026-03-21")).status_code == 204
    assert await days(ids[0]) == [("2026-03-01", "2026-03-15")]
    assert await days(ids[1]) == [("2026-03-16", "2026-03-19"), ("2026-03-22", None)]

    stopped = await client.patch(f"/dealers/{ids[0]}", json={"is_active": False}, headers=finance)
    assert stopped.json()["is_active"] is False
    for answer, status, code in (
        (await give(ids[0], "2026-04-01"), 409, "dealer_inactive"),
        (await give(ids[1], "2026-04-02", "2026-04-01"), 400, "period_invalid"),
        (await give(public_single("dea", world.station_id), "2026-04-01"), 404, "dealer_not_found"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert await days(ids[1]) == [("2026-03-16", "2026-03-19"), ("2026-03-22", None)]

    names = await client.get(
        "/dealers", params={"limit": 1}, headers=world.staff[Role.DELIVERER].headers
    )
    assert [one["name"] for one in names.json()["items"]] == ["经销商D01"]
    rest = await client.get(
        "/dealers",
        params={"cursor": names.json()["next_cursor"]},
        headers=world.staff[Role.DELIVERER].headers,
    )
    assert [one["code"] for one in rest.json()["items"]] == ["D02"]


async def test_terms_are_dated_and_the_same_date_is_written_over(
    client: httpx.AsyncClient, world: World
) -> None:
    finance = world.staff[Role.FINANCE].headers
    made = await client.post(
        "/dealers", json={"code": "D01", "name": "甲"}, headers=finance | once()
    )
    path = f"/dealers/{made.json()['id']}/terms"
    for first, share in (("2026-01-01", 1_500), ("2026-03-01", 1_800), ("2026-03-01", 2_000)):
        body = {"valid_from": first, "share_bp": share, "note": "合同"}
        assert (await client.put(path, json=body, headers=finance)).status_code == 200
    wrong = {"valid_from": "2026-03-02", "share_bp": 10_001, "note": "合同"}
    assert (await client.put(path, json=wrong, headers=finance)).status_code == 422
    found = await client.get(path, headers=world.staff[Role.AUDITOR].headers)
    assert [(one["valid_from"], one["share_bp"]) for one in found.json()["items"]] == [
        ("2026-01-01", 1_500),
        ("2026-03-01", 2_000),
    ]
