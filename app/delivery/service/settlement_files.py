"""Statements of dealers and the liability in milk as .xlsx files; it is noted who takes them."""

from collections.abc import AsyncIterator, Iterable
from datetime import datetime
from typing import IO, Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.exporting import Column, ColumnKind, note_export, write_table
from app.core.ids import named_id
from app.delivery.service.liability import Liability
from app.delivery.service.settling import StatementView
from app.delivery.settlement_rules import StatementLine
from app.delivery.settlement_states import LINE_LABELS, STATEMENT_LABELS
from app.network.models import Station

STATEMENT_LIST: Final = "dealer_statement"
LIABILITY_LIST: Final = "prepaid_liability"
_LIABILITY_SPACE: Final = UUID("6f3b2c1e-4f60-5d1e-9a52-3d4c8be1a7d0")

STATEMENT_COLUMNS: Final = (
    Column("结算单号"),
    Column("经销商", width=24),
    Column("状态", width=10),
    Column("开始日期", ColumnKind.DATE, 12),
    Column("结束日期", ColumnKind.DATE, 12),
    Column("奶站编码", width=12),
    Column("奶站", width=20),
    Column("项目", width=12),
    Column("约定起始日", ColumnKind.DATE, 12),
    Column("送达瓶数", ColumnKind.NUMBER, 10),
    Column("更正瓶数", ColumnKind.NUMBER, 10),
    Column("送达金额", ColumnKind.YUAN, 14),
    Column("更正金额", ColumnKind.YUAN, 14),
    Column("分成（万分之）", ColumnKind.NUMBER, 14),
    Column("每瓶", ColumnKind.YUAN, 8),
    Column("应付经销商", ColumnKind.YUAN, 14),
)
LIABILITY_COLUMNS: Final = (
    Column("日期", ColumnKind.DATE, 12),
    Column("奶站编码", width=12),
    Column("奶站", width=20),
    Column("经销商编码", width=12),
    Column("经销商", width=24),
    Column("30天以内", ColumnKind.YUAN, 14),
    Column("31至90天", ColumnKind.YUAN, 14),
    Column("91至180天", ColumnKind.YUAN, 14),
    Column("181至365天", ColumnKind.YUAN, 14),
    Column("365天以上", ColumnKind.YUAN, 14),
    Column("合计", ColumnKind.YUAN, 14),
)
NO_STATION: Final = "未分配奶站"


def statement_no(view: StatementView) -> str | None:
    """The number people read; None before it is issued."""
    row = view.row
    return None if row.number is None else f"JS{row.year}-{row.number:05}"


async def write_statement(
    session: AsyncSession, view: StatementView, *, actor: str, now: datetime
) -> IO[bytes]:
    """A statement line by line with its sum; whoever gets the file closes it."""
    return await _write(
        session,
        "结算单",
        STATEMENT_COLUMNS,
        _statement_rows(view),
        name=STATEMENT_LIST,
        subject_id=view.row.statement_id,
        actor=actor,
        now=now,
    )


async def write_liability(
    session: AsyncSession, found: Liability, *, actor: str, now: datetime
) -> IO[bytes]:
    """What is owed in milk station by station with its sum; whoever gets the file closes it."""
    return await _write(
        session,
        "预收款余额",
        LIABILITY_COLUMNS,
        _liability_rows(found),
        name=LIABILITY_LIST,
        subject_id=named_id(_LIABILITY_SPACE, found.date.isoformat()),
        actor=actor,
        now=now,
    )


async def _write(
    session: AsyncSession,
    title: str,
    columns: tuple[Column, ...],
    rows: list[tuple[object, ...]],
    *,
    name: str,
    subject_id: UUID,
    actor: str,
    now: datetime,
) -> IO[bytes]:
    file, count = await write_table(title, columns, _one_page(rows))
    try:
        await note_export(
            session, name=name, subject_id=subject_id, rows=count, actor=actor, now=now
        )
    except BaseException:
        file.close()
        raise
    return file


async def _one_page(
    rows: list[tuple[object, ...]],
) -> AsyncIterator[Iterable[tuple[object, ...]]]:
    yield rows


def _statement_rows(view: StatementView) -> list[tuple[object, ...]]:
    row = view.row
    head = (
        statement_no(view),
        view.dealer.name,
        STATEMENT_LABELS[row.state],
        *view.days,
    )
    rows = [(*head, *_line_cells(line, view.stations[line.station_id])) for line in view.lines]
    return [*rows, (*head, None, None, "合计", *[None] * 7, view.total_fen)]


def _line_cells(line: StatementLine, station: Station) -> tuple[object, ...]:
    return (
        station.code,
        station.name,
        LINE_LABELS[line.kind],
        line.term_from,
        line.bottles,
        line.bottles_corrected,
        line.delivered_fen,
        line.corrected_fen,
        line.share_bp,
        line.fen_per_bottle,
        line.amount_fen,
    )


def _liability_rows(found: Liability) -> list[tuple[object, ...]]:
    rows: list[tuple[object, ...]] = [
        (
            found.date,
            name.code if name else None,
            name.name if name else NO_STATION,
            name.dealer_code if name else None,
            name.dealer_name if name else None,
            one.to_30_fen,
            one.to_90_fen,
            one.to_180_fen,
            one.to_365_fen,
            one.over_365_fen,
            one.total_fen,
        )
        for one, name in found.stations
    ]
    return [*rows, (found.date, None, "合计", *[None] * 7, found.total_fen)]
