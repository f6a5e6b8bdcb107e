"""Figures as files: nothing runs as a formula, and it is known who took them out."""

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.clock import local_instant
from app.core.ids import new_id
from app.core.printing import font as printing
from app.delivery.repository.mornings import rebuild_mornings
from app.identity.models import Role
from app.kpi.definitions import DEFINITIONS, KpiKey
from app.kpi.exporting import service
from app.kpi.exporting.workbook import build_workbook
from app.kpi.models import KpiExport
from app.kpi.repository.rows import KpiRow
from app.kpi.rules import KpiStatus, Measured, Period, Verdict
from app.kpi.service import KpiResult
from app.network.models import Station
from tests.factories.history import SEVEN, History
from tests.factories.world import TODAY, World, once
from tests.fixtures.application import SetClock

TODAY_ONLY = {"from": TODAY.isoformat(), "to": TODAY.isoformat()}


def sheet_rows(body: bytes, name: str) -> list[tuple[Any, ...]]:
    """A sheet's rows, as a spreadsheet reads them."""
    return list(load_workbook(io.BytesIO(body))[name].iter_rows(values_only=True))


async def take(
    client: httpx.AsyncClient, world: World, *, role: Role = Role.MANAGER, **params: Any
) -> httpx.Response:
    """One workbook of today."""
    return await client.get(
        "/kpi/export.xlsx", params=TODAY_ONLY | params, headers=world.staff[role].headers
    )


async def test_the_eight_and_the_rows_behind_one(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    history = History(session, world)
    await history.stop(TODAY)
    await history.stop(TODAY, seconds_from_seven=60)
    await session.commit()
    answer = await take(client, world, key="on_time_rate")
    assert answer.status_code == 200
    assert 'filename="kpi-2026-03-15-2026-03-15.xlsx"' in answer.headers["content-disposition"]
    table = sheet_rows(answer.content, "指标")
    assert table[0][0] == "全部　2026-03-15 至 2026-03-15"
    assert [row[0] for row in table[2:]] == [one.title for one in DEFINITIONS.values()]
    assert table[2][1:7] == (50, "%", "≥ 95", "未达标", 1, 2)
    assert table[5][1] == "无数据"
    rows = sheet_rows(answer.content, "明细")
    assert len(rows) == 3
    assert {row[0] for row in rows[1:]} == {"户次"}
    missed = await take(client, world, key="on_time_rate", only_missed=True)
    assert len(sheet_rows(missed.content, "明细")) == 2
    plain = load_workbook(io.BytesIO((await take(client, world)).content))
    assert plain.sheetnames == ["指标"]


async def test_too_many_rows_are_cut_and_it_says_so(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    history = History(session, world)
    for _ in range(5):
        await history.stop(TODAY)
    await session.commit()
    monkeypatch.setattr(service, "MOST_ROWS", 3)
    monkeypatch.setattr(service, "AT_ONCE", 2)
    rows = sheet_rows((await take(client, world, key="on_time_rate")).content, "明细")
    assert len(rows) == 5
    assert rows[-1][0] == "仅导出前 3 行，请缩小范围或期间"


HOSTILE = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1",
    "＋1",
    "－1",
    "＠A",
    '=HYPERLINK("x")',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_becomes_a_formula(text: str) -> None:
    row = KpiRow(
        kind=text, id=text, at=datetime(2026, 3, 15, tzinfo=UTC), numerator=0, denominator=1,
        facts={text: text, "list": [text]},
    )  # fmt: skip
    definition = DEFINITIONS[KpiKey.SATISFACTION]
    result = KpiResult(
        definition, Measured(1, 1), Verdict(Decimal(100), KpiStatus.MET), Decimal(95)
    )
    body = build_workbook(
        [result], title=text, period=Period(TODAY, TODAY), rows=[row], is_cut=False
    )
    found = 0
    for sheet in load_workbook(io.BytesIO(body)):
        for cells in sheet.iter_rows():
            for cell in cells:
                assert cell.data_type != "f"
                if isinstance(cell.value, str) and cell.value.lstrip().startswith(text.strip()):
                    assert cell.quotePrefix
                    found += 1
    assert found >= 5


def test_control_characters_do_not_break_the_file() -> None:
    row = KpiRow("stop", "a\x00b", TODAY, 0, 1, {"note": "x\x1fy"})
    body = build_workbook([], title="\x07", period=Period(TODAY, TODAY), rows=[row], is_cut=False)
    assert sheet_rows(body, "明细")[1][1] == "ab"


async def test_a_hostile_station_name(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    await session.execute(update(Station).values(name='=cmd|"/c calc"!A1'))
    await session.commit()
    answer = await take(client, world, role=Role.STATION_MANAGER)
    cell = load_workbook(io.BytesIO(answer.content))["指标"]["A1"]
    assert (cell.data_type, cell.value[:4]) == ("s", "=cmd")


async def test_who_took_what_is_written_down(
    client: httpx.AsyncClient, world: World, session: AsyncSession
) -> None:
    await take(client, world, key="satisfaction")
    await take(client, world, role=Role.STATION_MANAGER)
    (first, second) = list(await session.scalars(select(KpiExport).order_by(KpiExport.id)))
    assert (first.kind, first.scope, first.key) == ("xlsx", "operator", "satisfaction")
    assert first.actor == f"staff:{world.staff[Role.MANAGER].account_id}"
    assert second.scope.startswith("station:")
    headers = world.staff[Role.AUDITOR].headers
    page = (await client.get("/kpi/exports?limit=1", headers=headers)).json()
    rest = await client.get("/kpi/exports", params={"cursor": page["next_cursor"]}, headers=headers)
    listed = page["items"] + rest.json()["items"]
    assert {item["scope"] for item in listed} == {first.scope, second.scope}


async def test_a_closed_month_as_a_report(
    client: httpx.AsyncClient,
    world: World,
    session: AsyncSession,
    clock: SetClock,
    font: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    day = date(2026, 3, 31)
    history = History(session, world)
    await history.stop(day)
    await history.stop(day, seconds_from_seven=5)
    await rebuild_mornings(session, [(world.blocks[0], day)])
    await session.commit()
    clock.set(local_instant(day, SEVEN) + timedelta(days=1))
    manager = world.staff[Role.MANAGER].headers
    await client.post("/kpi/months/2026-03/close", headers=manager | once())
    finding = await client.post(
        "/kpi/findings",
        json={
            "key": "on_time_rate", "from_date": day.isoformat(), "to_date": day.isoformat(),
            "cause": "车晚到", "action": "提前发车", "responsible": "王站长", "due_date": "2026-04-10",
        },
        headers=manager | once(),
    )  # fmt: skip
    assert finding.status_code == 201, finding.text

    monkeypatch.setattr(printing, "FONT", font.with_name("none.ttf"))
    missing = await client.get("/kpi/months/2026-03/report.pdf", headers=manager)
    assert (missing.status_code, missing.json()["code"]) == (503, "report_font_missing")
    assert await session.scalar(select(KpiExport)) is None

    monkeypatch.setattr(printing, "FONT", font)
    answer = await client.get("/kpi/months/2026-03/report.pdf", headers=manager)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert answer.content.rstrip().endswith(b"%%EOF")
    noted = await session.scalar(select(KpiExport))
    assert noted is not None
    assert (noted.kind, noted.scope) == ("pdf", "operator")
    unknown = await client.get("/kpi/months/2026-02/report.pdf", headers=manager)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "month_unknown")
    gone = await client.get(
        f"/kpi/months/2026-03/report.pdf?scope=city:{new_id().int % 10**6}", headers=manager
    )
    assert gone.status_code == 404
