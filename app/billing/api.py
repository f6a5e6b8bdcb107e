"""JSON endpoints of billing."""

from datetime import date
from typing import Annotated, Final
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.requests import ClientDisconnect

from app.billing import service
from app.billing.errors import NotificationMalformed
from app.billing.models import RefundRule
from app.billing.rules import DEFAULT_REFUND_LIMIT_FEN
from app.billing.schemas import (
    Balances,
    CashHeldList,
    CashHeldOut,
    ChannelRefusal,
    EvidenceIn,
    PaymentOut,
    ReceiptOut,
    RefundLimitIn,
    RefundLimits,
    RefundOut,
    RefundRuleIn,
    RefundRules,
    TransferOut,
    TrialBalanceOut,
)
from app.billing.states import PaymentChannel, RefundStatus
from app.core.clock import local_date
from app.core.db import SessionDep
from app.core.errors import AppError, NotFound
from app.core.http import status_of
from app.core.idempotency import IdempotentDep
from app.core.ids import read_pair, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.core.unit import Router
from app.identity.access import OPEN, Allow, ClockDep, Principal
from app.identity.models import AccountKind, Role

router = Router(tags=["billing"])

MAX_NOTIFICATION_BYTES: Final = 64 * 1024
FIRST_DATE: Final = date(2000, 1, 1)
LAST_DATE: Final = date(2199, 12, 31)

Payers = Annotated[Principal, Depends(Allow(Role.CUSTOMER, Role.FINANCE, Role.SERVICE_AGENT))]
RefundReaders = Annotated[Principal, Depends(Allow(Role.CUSTOMER, Role.FINANCE, Role.MANAGER))]
Finance = Annotated[Principal, Depends(Allow(Role.FINANCE))]
Books = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.AUDITOR))]
CashReaders = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.STATION_MANAGER))]
LimitReaders = Annotated[Principal, Depends(Allow(Role.FINANCE, Role.MANAGER, Role.AUDITOR))]
LimitSetters = Annotated[Principal, Depends(Allow(Role.MANAGER))]


@router.post(
    "/channels/wechat/notifications",
    status_code=204,
    dependencies=[OPEN],
    response_class=Response,
    responses={
        status: {"model": ChannelRefusal, "description": "Not accepted; it is sent again"}
        for status in (400, 401, 404, 409, 413, 503)
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
)
async def accept_wechat_notification(request: Request, clock: ClockDep) -> Response:
    """A message of WeChat Pay, verified by its own signature; 204 when it has had its effect."""
    refused = await _accept(request, PaymentChannel.WECHAT, clock)
    return Response(status_code=204) if refused is None else _refusal(*refused)


@router.post(
    "/channels/alipay/notifications",
    dependencies=[OPEN],
    response_class=PlainTextResponse,
    responses={
        status: {"description": "Not accepted; it is sent again"}
        for status in (400, 401, 404, 409, 413, 503)
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
        }
    },
)
async def accept_alipay_notification(request: Request, clock: ClockDep) -> Response:
    """A message of Alipay, verified by its own signature; `success` when it has had its effect."""
    refused = await _accept(request, PaymentChannel.ALIPAY, clock)
    if refused is None:
        return PlainTextResponse("success")
    return PlainTextResponse(refused[1], status_code=refused[0])


@router.post(
    "/channels/unionpay/notifications",
    dependencies=[OPEN],
    response_class=PlainTextResponse,
    responses={
        status: {"description": "Not accepted; it is sent again"}
        for status in (400, 401, 404, 409, 413, 503)
    },
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": {"type": "object"}}},
        }
    },
)
async def accept_unionpay_notification(request: Request, clock: ClockDep) -> Response:
    """A message of UnionPay, verified by its own signature; 200 when it has had its effect."""
    refused = await _accept(request, PaymentChannel.UNIONPAY, clock)
    if refused is None:
        return PlainTextResponse("ok")
    return PlainTextResponse(refused[1], status_code=refused[0])


async def _accept(
    request: Request, channel: PaymentChannel, clock: ClockDep
) -> tuple[int, str] | None:
    """Status and code of a refusal; None when the message has had its effect."""
    body = await _short_body(request)
    if body is None:
        return 413, "too large"
    try:
        await service.accept_notification(
            request.app.state.database,
            channel=channel,
            headers=request.headers,
            body=body,
            now=clock.now(),
        )
    except AppError as error:
        return status_of(error), error.code
    except (DBAPIError, PoolTimeout):
        return 503, "unavailable"
    return None


async def _short_body(request: Request) -> bytes | None:
    parts, size = [], 0
    try:
        async for part in request.stream():
            parts.append(part)
            size += len(part)
            if size > MAX_NOTIFICATION_BYTES:
                return None
    except ClientDisconnect as error:
        raise NotificationMalformed("the sender hung up") from error
    return b"".join(parts)


def _refusal(status: int, message: str) -> Response:
    return JSONResponse(ChannelRefusal(message=message).model_dump(), status_code=status)


@router.get("/payments/{payment_id}")
async def get_payment(caller: Payers, payment_id: str, session: SessionDep) -> PaymentOut:
    """One attempt to pay: the customer's own, or any for finance and service agents."""
    customer_id, row_id = read_pair("pay", payment_id)
    is_payer = _require_own(caller, customer_id)
    payment = await service.get_payment(session, customer_id=customer_id, payment_id=row_id)
    return PaymentOut.of(payment, with_handle=is_payer)


@router.get("/refunds")
async def list_refunds(
    caller: RefundReaders,
    page: PageDep,
    session: SessionDep,
    status: RefundStatus | None = None,
) -> Page[RefundOut]:
    """Refunds, newest first: the customer's own, or all for finance and managers."""
    own = caller.account_id if caller.kind is AccountKind.CUSTOMER else None
    found = await service.list_refunds(
        session, customer_id=own, status=status, after=page.after_instant(), limit=page.limit
    )
    return Page(
        items=[
            RefundOut.of(
                refund,
                evidence=service.read_evidence(refund) if own is None else None,
                for_staff=own is None,
            )
            for refund in found
        ],
        next_cursor=(
            cursor_of(found[-1].created_at.isoformat(), str(found[-1].refund_id))
            if len(found) == page.limit
            else None
        ),
    )


@router.post("/refunds/{refund_id}/approve", response_model=RefundOut)
async def approve_refund(
    caller: Finance, call: IdempotentDep, refund_id: str, session: SessionDep, clock: ClockDep
) -> Response:
    """Let a refund go that waits for a second person."""
    customer_id, row_id = read_pair("rfd", refund_id)
    refund = await service.approve_refund(
        session, customer_id=customer_id, refund_id=row_id, by=caller.account_id, now=clock.now()
    )
    answer = RefundOut.of(refund, evidence=None, for_staff=True)
    return await call.remember(session, 200, answer)


@router.post("/refunds/{refund_id}/paid-out", response_model=RefundOut)
async def note_paid_out(
    caller: Finance,
    call: IdempotentDep,
    refund_id: str,
    body: EvidenceIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Note that an approved cash or POS refund was handed over."""
    customer_id, row_id = read_pair("rfd", refund_id)
    refund = await service.pay_out(
        session,
        customer_id=customer_id,
        refund_id=row_id,
        by=caller.account_id,
        evidence=body.evidence,
        now=clock.now(),
    )
    answer = RefundOut.of(refund, evidence=body.evidence, for_staff=True)
    return await call.remember(session, 200, answer)


@router.post("/refunds/{refund_id}/resolve-manually", response_model=RefundOut)
async def resolve_refund_manually(
    caller: Finance,
    call: IdempotentDep,
    refund_id: str,
    body: EvidenceIn,
    session: SessionDep,
    clock: ClockDep,
) -> Response:
    """Settle by hand what the channel cannot pay back; marked not to origin."""
    customer_id, row_id = read_pair("rfd", refund_id)
    refund = await service.resolve_manually(
        session,
        customer_id=customer_id,
        refund_id=row_id,
        by=caller.account_id,
        evidence=body.evidence,
        now=clock.now(),
    )
    answer = RefundOut.of(refund, evidence=body.evidence, for_staff=True)
    return await call.remember(session, 200, answer)


@router.get("/refund-limits")
async def list_refund_limits(_: LimitReaders, session: SessionDep) -> RefundLimits:
    """Above how much a staff member's refund waits for a second person."""
    limits = await service.list_refund_limits(session)
    return RefundLimits.of(list(limits), default_limit_fen=DEFAULT_REFUND_LIMIT_FEN)


@router.put("/refund-limits")
async def set_refund_limit(
    caller: LimitSetters, body: RefundLimitIn, session: SessionDep, clock: ClockDep
) -> RefundLimits:
    """Set the limit from today on."""
    limits = await service.set_refund_limit(
        session, limit_fen=body.limit_fen, set_by=caller.account_id, now=clock.now()
    )
    return RefundLimits.of(list(limits), default_limit_fen=DEFAULT_REFUND_LIMIT_FEN)


@router.get("/refund-rules")
async def list_refund_rules(_: LimitReaders, session: SessionDep) -> RefundRules:
    """How long and how often each channel gives money back, and where that is written."""
    return RefundRules.of(await service.list_refund_rules(session))


@router.put("/refund-rules")
async def set_refund_rule(
    caller: LimitSetters, body: RefundRuleIn, session: SessionDep, clock: ClockDep
) -> RefundRules:
    """Set a channel's rule from today on."""
    now = clock.now()
    rule = RefundRule(
        **body.model_dump(), valid_from=local_date(now), set_by=caller.account_id, set_at=now
    )
    return RefundRules.of(await service.set_refund_rule(session, rule))


@router.get("/ledger/balances")
async def get_balances(_: Books, session: SessionDep, clock: ClockDep) -> Balances:
    """Totals per account, and the clearing accounts with the age of what waits in them."""
    now = clock.now()
    accounts = await service.list_balances(session, today=local_date(now))
    clearing = await service.list_clearing(session, today=local_date(now))
    return Balances.of(accounts, clearing, now=now)


@router.get("/ledger/trial-balance")
async def get_trial_balance(
    _: Books,
    session: SessionDep,
    clock: ClockDep,
    on: Annotated[date | None, Query(alias="date", ge=FIRST_DATE, le=LAST_DATE)] = None,
) -> TrialBalanceOut:
    """Every account to the end of a date, by default today; 400 for a date to come."""
    return TrialBalanceOut.of(await service.read_trial_balance(session, on=on, now=clock.now()))


@router.get("/ledger/transfers")
async def list_transfers(
    _: Books,
    reference: Annotated[str, Query(max_length=60)],
    page: PageDep,
    session: SessionDep,
) -> Page[TransferOut]:
    """Transfers about one order, ticket or line (by its public id), oldest first."""
    customer_id, reference_id = read_pair(reference.partition("_")[0], reference)
    found = await service.list_transfers(
        session,
        customer_id=customer_id,
        reference_id=reference_id,
        after=page.after_instant(),
        limit=page.limit,
    )
    return Page(
        items=[TransferOut.of(transfer) for transfer in found],
        next_cursor=(
            cursor_of(found[-1].booked_at.isoformat(), str(found[-1].transfer_id))
            if len(found) == page.limit
            else None
        ),
    )


@router.get("/receipts")
async def list_receipts(
    caller: CashReaders,
    page: PageDep,
    session: SessionDep,
    clock: ClockDep,
    collector: Annotated[str | None, Query(max_length=60)] = None,
    on: Annotated[date | None, Query(alias="date", ge=FIRST_DATE, le=LAST_DATE)] = None,
) -> Page[ReceiptOut]:
    """Receipts of cash and POS, newest first; a station manager sees the own station's."""
    found = await service.list_receipts(
        session,
        collector_id=None if collector is None else read_single("dlv", collector),
        on=on,
        station_id=_own_station(caller),
        today=local_date(clock.now()),
        after=page.after_instant(),
        limit=page.limit,
    )
    last = found[-1].receipt if len(found) == page.limit else None
    return Page(
        items=[ReceiptOut.of(view) for view in found],
        next_cursor=last and cursor_of(last.collected_at.isoformat(), str(last.payment_id)),
    )


@router.get("/cash-held")
async def list_cash_held(caller: CashReaders, session: SessionDep, clock: ClockDep) -> CashHeldList:
    """Cash in each deliverer's hand; a station manager sees the own station's deliverers."""
    held = await service.list_cash_held(
        session, station_id=_own_station(caller), today=local_date(clock.now())
    )
    return CashHeldList(items=[CashHeldOut.of(cash) for cash in held])


def _require_own(caller: Principal, customer_id: UUID) -> bool:
    """Whether the caller is the customer; raises NotFound for another customer."""
    if caller.kind is not AccountKind.CUSTOMER:
        return False
    if caller.account_id != customer_id:
        raise NotFound
    return True


def _own_station(caller: Principal) -> UUID | None:
    if caller.has(Role.FINANCE):
        return None
    if caller.station_id is None:
        raise NotFound
    return caller.station_id
