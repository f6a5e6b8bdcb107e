"""JSON endpoints of notifications: what the provider reports and phones reply, and what was sent."""

import hmac
from typing import Annotated

import structlog
from fastapi import Depends, Query
from fastapi.responses import Response

from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.idempotency import IdempotentDep
from app.core.ids import HOUSE, read_pair, read_single
from app.core.pagination import Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import OPEN, Allow, ClockDep, Principal
from app.identity.models import Role
from app.notifications import catalogue_api, service
from app.notifications.channels import receipt_secrets
from app.notifications.schemas import (
    AliyunAnswer,
    AliyunReplies,
    AliyunReports,
    ReplyOut,
    ResendIn,
    SmsDetail,
    SmsOut,
    SmsSearch,
)

log = structlog.get_logger()

router = Router(tags=["notifications"])

Desk = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT, Role.MANAGER))]
Agent = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT))]


async def check_secret(secret: str) -> None:
    """The path's secret is the only proof of the sender; raises NotFound."""
    # every account's is compared, so that the time taken tells nothing
    known = [hmac.compare_digest(secret.encode(), one.encode()) for one in receipt_secrets()]
    if not any(known):
        # anyone may knock here without end, so this leaves a line in the log and no row
        log.warning("security", kind="sms_report_forged")
        raise NotFound


@router.post("/sms/aliyun/receipts/{secret}", dependencies=[OPEN])
async def take_aliyun_reports(
    _: Annotated[None, Depends(check_secret)], body: AliyunReports, session: SessionDep
) -> AliyunAnswer:
    """Delivery reports; repeating one is harmless."""
    await service.take_reports(session, provider="aliyun", reports=[item.report() for item in body])
    return AliyunAnswer()


@router.post("/sms/aliyun/replies/{secret}", dependencies=[OPEN])
async def take_aliyun_replies(
    _: Annotated[None, Depends(check_secret)],
    body: AliyunReplies,
    session: SessionDep,
    clock: ClockDep,
) -> AliyunAnswer:
    """What phones texted to us; R ends promotions. Repeating one is harmless."""
    await service.take_replies(
        session, provider="aliyun", texts=[item.inbound() for item in body], now=clock.now()
    )
    return AliyunAnswer()


@router.get("/sms")
async def list_sms(
    _: Desk,
    page: PageDep,
    session: SessionDep,
    customer: Annotated[str, Query(max_length=60)],
) -> Page[SmsOut]:
    """What was sent to a customer, newest first."""
    customer_id = read_single("cus", customer)
    if customer_id == HOUSE:
        raise NotFound
    return await _page(session, service.Wanted(customer_id=customer_id), page)


@router.post("/sms/search")
async def search_sms(_: Desk, page: PageDep, session: SessionDep, body: SmsSearch) -> Page[SmsOut]:
    """Messages by phone, cause, kind, status and date, newest first; the phone stays masked."""
    return await _page(session, body.wanted(), page)


async def _page(session: SessionDep, wanted: service.Wanted, page: PageRequest) -> Page[SmsOut]:
    found = await service.search_messages(
        session, wanted, before=page.after_instant(), limit=page.limit + 1
    )
    shown = found[: page.limit]
    more = len(found) > page.limit
    return Page(
        items=[SmsOut.of(message) for message in shown],
        next_cursor=cursor_of(shown[-1].created_at.isoformat(), str(shown[-1].message_id))
        if more
        else None,
    )


@router.get("/sms/replies")
async def list_replies(_: Desk, page: PageDep, session: SessionDep) -> Page[ReplyOut]:
    """What phones texted to us, newest first."""
    found = await service.list_replies(session, before=page.after_instant(), limit=page.limit + 1)
    shown = found[: page.limit]
    more = len(found) > page.limit
    return Page(
        items=[ReplyOut.of(reply) for reply in shown],
        next_cursor=cursor_of(shown[-1].received_at.isoformat(), str(shown[-1].reply_id))
        if more
        else None,
    )


router.include_router(catalogue_api.router)


@router.get("/sms/{sms_id}")
async def show_sms(_: Desk, session: SessionDep, sms_id: str) -> SmsDetail:
    """One message and every attempt to send it."""
    customer_id, message_id = read_pair("sms", sms_id)
    message, attempts = await service.show_message(
        session, customer_id=customer_id, message_id=message_id
    )
    return SmsDetail.build(message, attempts)


@router.post("/sms/{sms_id}/resend", status_code=201, response_model=SmsOut)
async def resend_sms(
    caller: Agent,
    call: IdempotentDep,
    session: SessionDep,
    clock: ClockDep,
    sms_id: str,
    body: ResendIn,
) -> Response:
    """Send an ended message once more; who and why stay with it."""
    customer_id, message_id = read_pair("sms", sms_id)
    sent = await service.resend_sms(
        session,
        customer_id=customer_id,
        message_id=message_id,
        actor=caller.actor,
        reason=body.reason,
        now=clock.now(),
    )
    return await call.remember(session, 201, SmsOut.of(sent))
