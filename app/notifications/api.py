"""JSON endpoints of notifications: the provider's reports, and what was sent to a customer."""

import hmac
from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Query

from app.core.db import SessionDep
from app.core.errors import NotFound
from app.core.ids import HOUSE, read_single
from app.core.pagination import Page, PageDep, cursor_of
from app.identity.access import OPEN, Allow, Principal
from app.identity.models import Role
from app.notifications import service
from app.notifications.channels import receipt_secret
from app.notifications.schemas import AliyunAnswer, AliyunReports, SmsOut, uuid_cursor

log = structlog.get_logger()

router = APIRouter(tags=["notifications"])

Desk = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT, Role.MANAGER))]


async def check_secret(secret: str) -> None:
    """The path's secret is the only proof of the sender; raises NotFound."""
    expected = receipt_secret()
    if not expected or not hmac.compare_digest(secret.encode(), expected.encode()):
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
    messages = await service.list_messages(
        session,
        customer_id=customer_id,
        before=uuid_cursor(page),
        limit=page.limit + 1,
    )
    shown = messages[: page.limit]
    more = len(messages) > page.limit
    return Page(
        items=[SmsOut.of(message) for message in shown],
        next_cursor=cursor_of(str(shown[-1].message_id)) if more else None,
    )
