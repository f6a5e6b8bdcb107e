"""A book of subscribers taken over: checked, imported once, wrong rows reported."""

import csv
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from app.billing.models import LedgerTransfer
from app.core.clock import local_date
from app.core.crypto import Cell
from app.core.db import Database
from app.core.runtime import Runtime
from app.customers.models import Address, AddressVersion, Customer
from app.orders.importing.command import import_file
from app.orders.models import Order, OrderLine
from app.orders.repository import list_terms
from tests.factories.world import MORNING, TODAY, World
from tests.fixtures.invariants import assert_invariants

HEADER = ("订户编号,姓名,电话,地址,产品,规格,每日数量,间隔天数,每次数量,起送日期,剩余数量,"
          "单价,奶箱押金,赠送天数,停奶起,停奶止,送奶员,来源")  # fmt: skip
GOOD = [
    "A1,王一,13800000001,徐汇区梅陇一村12号301室,鲜牛奶,,1,,,2026-03-01,30,3.5,20,2,,,,电话",
    "A1,王一,13800000001,徐汇区梅陇一村12号301室,风味酸牛奶,,,2,1,2026-03-02,10,4.2,,,,,,电话",
    "A2,李二,138-0000-0002,徐汇区漕溪北路125号5楼,鲜牛奶,,２瓶,,,2026年3月1日,20,¥3.50,,,2026-03-20,2026-03-22,,",
    "A3,赵三,13800000003,徐汇区无人路1号,鲜牛奶,,1,,,2026/3/1,5,3.5,,,,,送奶员2,送奶员",
    "A4,钱四,13800000004,徐汇区梅陇一村3号,鲜牛奶,,1,,,2026.3.1,9,3.5,,,2026-03-18,,,",
]
BAD = [
    "B1,孙五,13800000005,徐汇区无人路1号,鲜牛奶,,1,,,2026-03-01,5,3.5,,,,,,",
    "B2,周六,13800000006,徐汇区梅陇一村9号,可乐,,1,,,2026-03-01,5,3.5,,,,,,",
    "B3,吴七,1380000,徐汇区梅陇一村9号,鲜牛奶,,0,,,2026-02-30,5,3.5,,,,,,",
]


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "名册.csv"
    path.write_bytes("\n".join([HEADER, *GOOD, *BAD, ""]).encode("gb18030"))
    return path


async def run(runtime: Runtime, path: Path, *, check: bool = False) -> bool:
    return await import_file(runtime, path, city_code="310000", check_only=check)


async def counts(database: Database) -> dict[str, int]:
    async with database.transaction() as session:
        return {
            model.__tablename__: await session.scalar(select(func.count()).select_from(model)) or 0
            for model in (Order, OrderLine, Customer, Address)
        }


async def test_check_writes_nothing(
    runtime: Runtime, world: World, database: Database, book: Path
) -> None:
    before = await counts(database)
    assert not await run(runtime, book, check=True)
    assert await counts(database) == before


async def test_good_rows_are_imported_once_and_bad_ones_reported(
    runtime: Runtime, world: World, database: Database, book: Path
) -> None:
    before = await counts(database)
    assert not await run(runtime, book)
    after = await counts(database)
    assert after["orders"] - before["orders"] == len(GOOD)
    assert after["customers"] - before["customers"] == 4
    assert after["addresses"] - before["addresses"] == 4
    with book.with_name("名册.errors.csv").open(encoding="utf-8-sig", newline="") as file:
        reported = [(row["行号"], row["列"]) for row in csv.DictReader(file)]
    assert sorted(set(reported)) == [
        ("7", "地址"),
        ("8", "产品"),
        ("9", "每日数量"),
        ("9", "电话"),
        ("9", "起送日期"),
    ]
    assert not await run(runtime, book)
    assert await counts(database) == after
    async with database.transaction() as session:
        await assert_invariants(session, MORNING)


async def test_what_an_imported_order_holds(
    runtime: Runtime, world: World, database: Database, book: Path
) -> None:
    await run(runtime, book)
    async with database.transaction() as session:
        lines = {
            (line.paid_fen, line.bottles_bought): line
            for line in await session.scalars(select(OrderLine))
        }
        first = lines[30 * 350, 30]
        assert first.gift_bottles == 2
        terms = (await list_terms(session, [(first.customer_id, first.order_line_id)]))[
            first.order_line_id
        ]
        days = [day for term in terms for day, _ in term.deliveries()]
        assert days == [TODAY + timedelta(days=step) for step in range(1, 33)]
        paused = lines[20 * 350, 20]
        terms = (await list_terms(session, [(paused.customer_id, paused.order_line_id)]))[
            paused.order_line_id
        ]
        calendar = {day: count for term in terms for day, count in term.deliveries()}
        assert sum(calendar.values()) == 20
        assert not {TODAY + timedelta(days=step) for step in (5, 6, 7)} & set(calendar)
        stopped = lines[9 * 350, 9]
        assert stopped.unscheduled_bottles == 7
        every_other = lines[10 * 420, 10]
        assert (every_other.interval_days, every_other.quantity) == (2, 1)
        openings = await session.execute(
            select(LedgerTransfer.credit_account, func.sum(LedgerTransfer.amount_fen)).group_by(
                LedgerTransfer.credit_account
            )
        )
        totals: dict[str, Any] = {account: int(fen) for account, fen in openings}
        assert totals == {
            "prepaid": 30 * 350 + 10 * 420 + 20 * 350 + 5 * 350 + 9 * 350,
            "deposit": 2000,
        }
        assert local_date(MORNING) == TODAY


async def test_personal_data_of_a_book_is_sealed(
    runtime: Runtime, world: World, database: Database, book: Path
) -> None:
    await run(runtime, book)
    async with database.transaction() as session:
        versions = list(
            await session.scalars(select(AddressVersion).where(AddressVersion.street == "漕溪北路"))
        )
        assert len(versions) == 1
        sealed = versions[0].recipient_sealed
        assert "李二".encode() not in sealed
        cell = Cell("address_versions", "recipient", versions[0].address_version_id)
        assert runtime.keys.open(sealed, cell) == "李二"


async def test_an_unreadable_file_is_one_clear_sentence(
    runtime: Runtime, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(b"not a workbook")
    assert not await run(runtime, path)
    assert "无法导入" in capsys.readouterr().err
