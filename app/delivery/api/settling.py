"""Dealers' statements over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Response

from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.exporting import file_answer
from app.core.idempotency import IdempotentDep
from app.core.ids import named_id, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.delivery.api.settlement_schemas import (
    SettledIn,
    StatementIn,
    StatementOut,
    StatementSummaryOut,
)
from app.delivery.service import settling as service
from app.delivery.service.settlement_files import statement_no, write_statement
from app.delivery.service.settling import StatementView
from app.delivery.settlement_errors import StatementUnknown
from app.delivery.settlement_states import StatementState
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.network.errors import DealerUnknown

router = Router(tags=["dealers"])

Finance = Annotated[Principal, Depends(Allow(Role.FINANCE))]
Books = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.AUDITOR))]


@router.post("/dealer-statements", status_code=201, response_model=StatementOut)
async def draft_statement(
    caller: Finance, call: IdempotentDep, session: SessionDep, clock: ClockDep, body: StatementIn
) -> Response:
    """Begin a dealer's statement for some whole days."""
    dealer_id = _dealer_id(body.dealer)
    view = await service.draft_statement(
        session,
        statement_id=named_id(dealer_id, call.name),
        dealer_id=dealer_id,
        first=body.from_date,
        last=body.to_date,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 201, StatementOut.of(view))


@router.get("/dealer-statements")
async def list_statements(
    _: Books,
    page: PageDep,
    session: SessionDep,
    dealer: Annotated[str | None, Query(max_length=60)] = None,
    state: StatementState | None = None,
) -> Page[StatementSummaryOut]:
    """Statements, the latest first."""
    found = await service.list_statements(
        session,
        dealer_id=None if dealer is None else _dealer_id(dealer),
        state=state,
        after=page.after_instant(),
        limit=page.limit + 1,
    )
    shown, cursor = found[: page.limit], None
    if len(found) > page.limit:
        last, _dealer = shown[-1]
        cursor = cursor_of(last.created_at.isoformat(), str(last.statement_id))
    views = [StatementView(row, owner, (), 0, {}) for row, owner in shown]
    return Page(items=[StatementSummaryOut.of(view) for view in views], next_cursor=cursor)


@router.get("/dealer-statements/{statement}")
async def show_statement(
    _: Books, statement: str, session: SessionDep, clock: ClockDep
) -> StatementOut:
    """A statement: as issued, or a draft added up as of now."""
    view = await service.view_statement(
        session, statement_id=_statement_id(statement), now=clock.now()
    )
    return StatementOut.of(view)


@router.get("/dealer-statements/{statement}/file.xlsx", response_class=Response)
async def take_statement(
    caller: Books, statement: str, session: SessionDep, clock: ClockDep
) -> Response:
    """The same as a file; it is noted who takes it."""
    now = clock.now()
    view = await service.view_statement(session, statement_id=_statement_id(statement), now=now)
    file = await write_statement(session, view, actor=caller.actor, now=now)
    return file_answer(file, f"结算单-{statement_no(view) or '草稿'}.xlsx")


@router.post("/dealer-statements/{statement}/issue", response_model=StatementOut)
async def issue_statement(
    caller: Finance, call: IdempotentDep, statement: str, session: SessionDep, clock: ClockDep
) -> Response:
    """Freeze a draft, number it and book what is owed."""
    view = await service.issue_statement(
        session, statement_id=_statement_id(statement), by=caller.account_id, now=clock.now()
    )
    return await call.remember(session, 200, StatementOut.of(view))


@router.post("/dealer-statements/{statement}/settle", response_model=StatementOut)
async def settle_statement(
    caller: Finance,
    call: IdempotentDep,
    statement: str,
    body: SettledIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """A second person enters the bank's date and slip number."""
    view = await service.settle_statement(
        session,
        statement_id=_statement_id(statement),
        bank_date=body.bank_date,
        slip_no=body.slip_no,
        by=caller.account_id,
        now=clock.now(),
    )
    return await call.remember(session, 200, StatementOut.of(view))


@router.post("/dealer-statements/{statement}/discard", response_model=StatementOut)
async def discard_statement(
    caller: Finance, call: IdempotentDep, statement: str, session: SessionDep, clock: ClockDep
) -> Response:
    """Throw a draft away; its days are free again."""
    view = await service.discard_statement(
        session, statement_id=_statement_id(statement), by=caller.account_id, now=clock.now()
    )
    return await call.remember(session, 200, StatementOut.of(view))


def _statement_id(text: str) -> UUID:
    try:
        return read_single("dst", text)
    except NotFound as error:
        raise StatementUnknown from error


def _dealer_id(text: str) -> UUID:
    try:
        return read_single("dea", text)
    except NotFound as error:
        raise DealerUnknown from error
