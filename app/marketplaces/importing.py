"""The import of a seller's order file as a person runs it: check, error file, summary."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.runtime import Runtime
from app.marketplaces.channels.export_words import put_together
from app.marketplaces.channels.exports import read_lines
from app.marketplaces.errors import ShopUnknown
from app.marketplaces.intake import OutsideOrder, OutsideRefund
from app.marketplaces.models import ExternalOrder, Shop
from app.marketplaces.repository import shops
from app.marketplaces.service import receive
from app.marketplaces.states import IntakeWay
from app.orders.book.errors import BookError
from app.orders.book.report import ErrorFile

BATCH = 500


@dataclass
class Summary:
    """Orders of a file by what became of them."""

    new: int = 0
    updated: int = 0
    known: int = 0
    foreign: int = 0
    wrong: int = 0
    skipped: int = 0
    refunds: int = 0

    def text(self, *, check_only: bool) -> str:
        """One Chinese line."""
        done = "可导入" if check_only else "已导入"
        return (
            f"{done}新订单 {self.new:,} 个，更新 {self.updated:,} 个，以前已有 {self.known:,} 个，"
            f"属于其他店铺 {self.foreign:,} 个，退款 {self.refunds:,} 笔，"
            f"有错 {self.wrong:,} 行，未付款跳过 {self.skipped:,} 行"
        )


async def import_orders(runtime: Runtime, path: Path, *, shop: str, check_only: bool) -> bool:
    """Import a seller's order file, or with `check_only` only report; true when no row was wrong.

    Each batch is one transaction: a run that was stopped goes on where it ended when it is started
    again, and a file imported before changes nothing.
    """
    console = Console(stderr=True)
    summary = Summary()
    try:
        async with runtime.database.transaction() as session:
            source = (await shops.get_shop(session, shop)).source
        words = put_together(read_lines(path, source))
        with ErrorFile(path) as errors:
            for error in sorted(words.errors, key=lambda one: one.row_no):
                errors.add(error)
    except ShopUnknown:
        console.print(f"没有这家店铺：{shop}", style="red")
        return False
    except BookError as error:
        console.print(f"无法导入：{error.detail}", style="red")
        return False
    summary.wrong, summary.skipped = len(words.errors), words.skipped
    for first in range(0, len(words.orders), BATCH):
        batch = words.orders[first : first + BATCH]
        async with runtime.database.transaction() as session:
            row = await shops.get_shop(session, shop)
            if check_only:
                await _count(session, row, batch, summary)
            else:
                await _take(session, row, batch, words.refunds, summary, now=runtime.clock.now())
    console.print(summary.text(check_only=check_only))
    if words.errors:
        console.print(f"错误已写入 {errors.path}")
    return not words.errors and not summary.foreign


async def _count(
    session: AsyncSession, shop: Shop, batch: Sequence[OutsideOrder], summary: Summary
) -> None:
    found = await session.scalars(
        select(ExternalOrder.number).where(
            ExternalOrder.source == shop.source,
            ExternalOrder.number.in_([order.number for order in batch]),
        )
    )
    known = len(found.all())
    summary.known += known
    summary.new += len(batch) - known


async def _take(
    session: AsyncSession,
    shop: Shop,
    batch: Sequence[OutsideOrder],
    refunds: Sequence[OutsideRefund],
    summary: Summary,
    *,
    now: datetime,
) -> None:
    numbers = {order.number for order in batch}
    intake = await receive(
        session,
        shop=shop,
        orders=batch,
        refunds=[refund for refund in refunds if refund.number in numbers],
        way=IntakeWay.FILE,
        now=now,
    )
    summary.new += intake.new
    summary.updated += intake.updated
    summary.known += intake.known
    summary.refunds += intake.refunds
    summary.foreign += len(intake.foreign)
