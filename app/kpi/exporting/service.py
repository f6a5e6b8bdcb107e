"""Taking figures out as files, noted with who took what."""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.core.printing.font import find_font
from app.kpi.definitions import KpiKey
from app.kpi.drilldown import Place, list_kpi_rows
from app.kpi.models import KpiExport, KpiFinding
from app.kpi.months import period_of, read_report
from app.kpi.repository import places
from app.kpi.repository.rows import KpiRow
from app.kpi.rules import Period
from app.kpi.scopes import Scope
from app.kpi.service import read_kpis

log = structlog.get_logger()

MOST_ROWS = 20_000
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Taken:
    """Who takes something out, and when."""

    actor: str
    now: datetime


async def export_workbook(
    session: AsyncSession,
    *,
    scope: Scope,
    period: Period,
    key: KpiKey | None,
    only_missed: bool,
    taken: Taken,
) -> bytes:
    """The eight figures, with the rows behind one of them; at most 20,000 rows, and it says so.

    Raises NotFound for a scope that does not exist.
    """
    results = await read_kpis(session, scope=scope, period=period, now=taken.now)
    rows: list[KpiRow] | None = None
    is_cut = False
    if key is not None:
        rows, is_cut = await _rows(
            session, scope=scope, period=period, key=key, only_missed=only_missed, now=taken.now
        )
    await note_export(
        session,
        kind="xlsx",
        scope=scope,
        period=period,
        key=key,
        rows=len(rows or ()),
        taken=taken,
    )
    title = await places.scope_title(session, scope)
    from app.kpi.exporting.workbook import build_workbook  # noqa: PLC0415  # openpyxl loads slowly

    return await asyncio.to_thread(
        build_workbook, results, title=title, period=period, rows=rows, is_cut=is_cut
    )


async def _rows(
    session: AsyncSession,
    *,
    scope: Scope,
    period: Period,
    key: KpiKey,
    only_missed: bool,
    now: datetime,
) -> tuple[list[KpiRow], bool]:
    rows: list[KpiRow] = []
    after: tuple[int, Place] | None = None
    while True:
        page = await list_kpi_rows(
            session,
            key=key,
            scope=scope,
            period=period,
            now=now,
            limit=min(AT_ONCE, MOST_ROWS - len(rows)),
            after=after,
            only_missed=only_missed,
        )
        rows += page.rows
        after = page.next_place
        if after is None or len(rows) >= MOST_ROWS:
            return rows, after is not None


async def export_report(session: AsyncSession, *, month: date, scope: Scope, taken: Taken) -> bytes:
    """A closed month as PDF.

    Raises MonthUnknown, BadScope below stations, ReportFontMissing.
    """
    font = find_font()
    report = await read_report(session, month=month, scope=scope)
    period = period_of(month)
    found = await session.scalars(
        select(KpiFinding)
        .where(
            KpiFinding.scope == scope.text,
            KpiFinding.first_date <= period.last,
            KpiFinding.last_date >= period.first,
        )
        .order_by(KpiFinding.key, KpiFinding.first_date)
    )
    findings = list(found)
    await note_export(
        session,
        kind="pdf",
        scope=scope,
        period=period,
        key=None,
        rows=len(report.figures),
        taken=taken,
    )
    title = await places.scope_title(session, scope)
    from app.kpi.exporting.report import build_report  # noqa: PLC0415  # fpdf loads slowly

    return await asyncio.to_thread(
        build_report,
        report,
        scope_title=title,
        findings=findings,
        made_at=taken.now,
        font=font,
    )


async def note_export(
    session: AsyncSession,
    *,
    kind: str,
    scope: Scope,
    period: Period,
    key: KpiKey | None,
    rows: int,
    taken: Taken,
) -> None:
    """Write down who took out what."""
    session.add(
        KpiExport(
            id=new_id(),
            at=taken.now,
            actor=taken.actor,
            kind=kind,
            scope=scope.text,
            first_date=period.first,
            last_date=period.last,
            key=None if key is None else key.value,
            rows=rows,
        )
    )
    await session.flush()
    log.info("kpi.exported", kind=kind, scope=scope.text, rows=rows)


async def list_exports(
    session: AsyncSession, *, limit: int, before: tuple[datetime, object] | None
) -> list[KpiExport]:
    """What was taken out, the latest first."""
    query = select(KpiExport).order_by(KpiExport.at.desc(), KpiExport.id.desc()).limit(limit)
    if before is not None:
        at, row_id = before
        query = query.where((KpiExport.at < at) | ((KpiExport.at == at) & (KpiExport.id < row_id)))
    return list(await session.scalars(query))
