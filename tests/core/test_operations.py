"""What an operator sees and does when something is stuck."""

import httpx
import pytest
from sqlalchemy import text

from app.core.alerts import raise_alert
from app.core.db import Database
from app.core.enqueueing import enqueue
from app.identity.models import Role
from tests.factories.world import World
from tests.fixtures.foundation import scalar


async def hold(database: Database) -> int:
    async with database.transaction() as session:
        await enqueue(session, "test.job", {"order_id": 7})
        job_id = await session.scalar(
            text("UPDATE pgqueuer SET status = 'failed', attempts = 7 RETURNING id")
        )
        await session.execute(
            text(
                "INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, traceback)"
                " VALUES (:id, 'failed', 0, 'test.job', jsonb_build_object("
                "  'exception_type', 'NoMilk', 'exception_message', 'none left'))"
            ),
            {"id": job_id},
        )
    return int(str(job_id))


async def test_a_held_job_is_seen_and_put_back(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    job_id = await hold(database)
    manager = world.staff[Role.MANAGER].headers
    (job,) = (await client.get("/jobs/held", headers=manager)).json()["items"]
    assert (job["id"], job["name"], job["payload"], job["reason"]) == (
        job_id,
        "test.job",
        {"order_id": 7},
        "NoMilk: none left",
    )
    path = f"/jobs/held/{job_id}/requeue"
    assert (await client.post(path, headers=manager)).status_code == 204
    again = await client.post(path, headers=manager)
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert (await client.get("/jobs/held", headers=manager)).json() == {"items": []}
    assert await scalar(database, "SELECT status || ' ' || attempts FROM pgqueuer") == "queued 0"


@pytest.mark.parametrize(
    ("number", "status"), [("0", 422), (str(2**63), 422), ("x", 422), (str(2**63 - 1), 404)]
)
async def test_numbers_of_no_job(
    client: httpx.AsyncClient, world: World, number: str, status: int
) -> None:
    answer = await client.post(
        f"/jobs/held/{number}/requeue", headers=world.staff[Role.ADMIN].headers
    )
    assert answer.status_code == status


async def test_an_alert_is_seen_and_closed_by_operators_only(
    client: httpx.AsyncClient, world: World, database: Database
) -> None:
    async with database.transaction() as session:
        await raise_alert(session, "late", "order-1", minutes=5)
    admin = world.staff[Role.ADMIN].headers
    (alert,) = (await client.get("/alerts", headers=admin)).json()["items"]
    assert (alert["kind"], alert["subject"], alert["facts"]) == ("late", "order-1", {"minutes": 5})
    path = "/alerts/late/order-1/resolve"
    for headers, status in (({}, 401), (world.household.headers, 403)):
        assert (await client.post(path, headers=headers)).status_code == status
        assert (await client.get("/alerts", headers=headers)).status_code == status
    assert len((await client.get("/alerts", headers=admin)).json()["items"]) == 1
    assert (await client.post(path, headers=admin)).status_code == 204
    assert (await client.get("/alerts", headers=admin)).json() == {"items": []}


async def test_readiness_and_metrics_tell_of_stuck_jobs(
    client: httpx.AsyncClient, database: Database
) -> None:
    assert (await client.get("http://test/readyz")).status_code == 200
    await hold(database)
    async with database.transaction() as session:
        await enqueue(session, "test.job", {})
        await session.execute(
            text("UPDATE pgqueuer SET execute_after = execute_after - interval '10 minutes'")
        )
    answer = await client.get("http://test/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert answer.json()["facts"]["oldest_due_job_seconds"] >= 600
    metrics = (await client.get("http://test/metrics")).text
    assert "jobs_held 1.0" in metrics
    assert "jobs_oldest_due_seconds 6" in metrics
