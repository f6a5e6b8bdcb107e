"""Figures as files."""

from datetime import date, datetime

from fastapi import Response

from app.core.db import SessionDep
from app.core.exporting import XLSX_TYPE
from app.core.pagination import Page, PageDep, cursor_of
from app.core.printing.font import PDF_TYPE
from app.core.schemas import Answer
from app.core.unit import Router
from app.identity.access import ClockDep
from app.kpi import months, service
from app.kpi.api.callers import (
    ExportReader,
    FirstDate,
    KpiReader,
    LastDate,
    ScopeText,
    scope_of,
)
from app.kpi.api.months import MonthText
from app.kpi.definitions import KpiKey
from app.kpi.exporting.service import Taken, export_report, export_workbook, list_exports

router = Router()


class ExportOut(Answer):
    """Who took out what."""

    at: datetime
    actor: str
    kind: str
    scope: str
    first_date: date
    last_date: date
    key: str | None
    rows: int


@router.get("/kpi/export.xlsx", response_class=Response)
async def export_figures(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    first: FirstDate,
    last: LastDate,
    scope: ScopeText = None,
    key: KpiKey | None = None,
    only_missed: bool = False,
) -> Response:
    """The eight figures of a period as a workbook, with the rows behind `key` where it is given."""
    body = await export_workbook(
        session,
        scope=scope_of(caller, scope),
        period=service.read_period(first, last),
        key=key,
        only_missed=only_missed,
        taken=Taken(caller.actor, clock.now()),
    )
    return _file(body, XLSX_TYPE, f"kpi-{first}-{last}.xlsx")


@router.get("/kpi/months/{month}/report.pdf", response_class=Response)
async def export_month(
    caller: KpiReader,
    session: SessionDep,
    clock: ClockDep,
    month: MonthText,
    scope: ScopeText = None,
) -> Response:
    """A closed month as a report in Chinese."""
    body = await export_report(
        session,
        month=months.read_month(month),
        scope=scope_of(caller, scope),
        taken=Taken(caller.actor, clock.now()),
    )
    return _file(body, PDF_TYPE, f"kpi-{month}.pdf")


@router.get("/kpi/exports")
async def read_exports(_: ExportReader, session: SessionDep, page: PageDep) -> Page[ExportOut]:
    """Who took figures out, the latest first."""
    found = await list_exports(session, limit=page.limit + 1, before=page.after_instant())
    shown = found[: page.limit]
    cursor = None
    if len(found) > page.limit:
        cursor = cursor_of(shown[-1].at.isoformat(), str(shown[-1].id))
    return Page(items=[ExportOut.model_validate(row) for row in shown], next_cursor=cursor)


def _file(body: bytes, media_type: str, name: str) -> Response:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type=media_type, headers=headers)
