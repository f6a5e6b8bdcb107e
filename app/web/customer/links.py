"""What the link of an SMS opens: a result to confirm, a rating, a phone order to accept and pay,
a marketplace order whose address is asked for, a change that a deliverer wrote down.

No login: who holds the link is asked. Opening it changes nothing, since scanners of messages open
links too; every change is a form of ours, sent from our own origin.
"""

import secrets
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form, Request
from starlette.responses import Response

from app.aftersales import confirming, rating_links
from app.billing.service import ask_channel
from app.billing.states import PaymentChannel
from app.core.db import Database
from app.core.errors import AppError
from app.core.http import status_of
from app.core.ids import public_pair
from app.core.schemas import LongText, ShortText
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep
from app.identity.browser import check_origin
from app.links import service as links
from app.links.states import LinkPurpose
from app.marketplaces.claim_schemas import ClaimAsked
from app.marketplaces.service import claim_by_link, view_claim
from app.orders.changes import recording
from app.orders.phone_schemas import OrderAsked
from app.orders.recorded_schemas import RecordedAsked
from app.orders.repository.windows import list_named_lines
from app.orders.service import telephone
from app.orders.service.agreements import can_print
from app.web.common.flash import see_other
from app.web.common.templating import render
from app.web.customer.cashiers import Channel, cashier_of, method_for, pay_ways
from app.web.customer.link_forms import ClaimForm

router = Router(prefix="/l", include_in_schema=False, dependencies=[OPEN])
TEMPLATES = {
    LinkPurpose.TICKET_RESULT: "customer/link_result.html",
    LinkPurpose.PHONE_ORDER: "customer/link_order.html",
    LinkPurpose.TICKET_RATING: "customer/link_rating.html",
    LinkPurpose.MARKETPLACE_CLAIM: "customer/link_claim.html",
    LinkPurpose.CHANGE_CONFIRMATION: "customer/link_change.html",
}
Token = str
"""Any text: one that cannot be ours is an unknown link like all others."""


def _guarded(answer: Response) -> Response:
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Robots-Tag"] = "noindex, nofollow"
    return answer


def _problem(request: Request, error: AppError, *, token: str | None = None) -> Response:
    status = status_of(error)
    answer = render(
        request, "customer/link_problem.html", status_code=status, error=error, back=token
    )
    return _guarded(answer)


async def _shown(database: Database, token: str, *, now: datetime) -> tuple[str, dict[str, Any]]:
    """The template of a link and what it shows; raises LinkUnknown, LinkExpired."""
    async with database.transaction() as session:
        link = await links.read_link(session, token)
        about: object
        names: dict[str, str] = {}
        if link.purpose is LinkPurpose.TICKET_RESULT:
            about = await confirming.show_result(
                session,
                customer_id=link.customer_id,
                ticket_id=link.subject_id,
                round_no=link.round,
            )
        elif link.purpose is LinkPurpose.TICKET_RATING:
            about = await rating_links.show_rating(
                session,
                customer_id=link.customer_id,
                ticket_id=link.subject_id,
                round_no=link.round,
            )
        elif link.purpose is LinkPurpose.MARKETPLACE_CLAIM:
            about = ClaimAsked.of(await view_claim(session, external_id=link.subject_id, now=now))
        elif link.purpose is LinkPurpose.CHANGE_CONFIRMATION:
            found = await recording.view_recorded(
                session, customer_id=link.customer_id, change_id=link.subject_id, now=now
            )
            about = RecordedAsked.of(found)
            lines = await list_named_lines(session, link.customer_id, found.order.order_id)
            names = {
                public_pair("lin", line.customer_id, line.order_line_id): product.name
                for line, product in lines
            }
        else:
            about = OrderAsked.of(
                await telephone.view_by_link(
                    session, customer_id=link.customer_id, order_id=link.subject_id, now=now
                )
            )
        values = {
            "about": about,
            "used_for": link.used_for,
            "token": token,
            "has_paper": can_print(),
            "line_names": names,
            "product_names": {},
            "attempt": secrets.token_hex(16),
            "ways": pay_ways(),
        }
        return TEMPLATES[link.purpose], values


@router.get("/{token}")
async def show_link(request: Request, clock: ClockDep, token: Token) -> Response:
    """What the holder is asked; nothing changes."""
    try:
        template, values = await _shown(request.app.state.database, token, now=clock.now())
    except AppError as error:
        return _problem(request, error)
    return _guarded(render(request, template, cashier=None, **values))


async def _act(
    request: Request, token: str, doing: Callable[[Any], Awaitable[object]], *, flash: str
) -> Response:
    """Carry out one answer in one transaction and show the link anew. Raises RequestNotMeant."""
    check_origin(request)
    database: Database = request.app.state.database
    try:
        async with database.transaction() as session:
            await doing(session)
    except AppError as error:
        return _problem(request, error, token=token)
    return _guarded(see_other(f"/l/{token}", flash=flash))


@router.post("/{token}/confirm")
async def confirm(
    request: Request,
    clock: ClockDep,
    token: Token,
    score: Annotated[int | None, Form(ge=1, le=5)] = None,
) -> Response:
    """It is solved."""
    return await _act(
        request,
        token,
        lambda session: confirming.confirm(session, token=token, score=score, now=clock.now()),
        flash="谢谢您的确认",
    )


@router.post("/{token}/not-solved")
async def refuse(
    request: Request,
    clock: ClockDep,
    token: Token,
    reason: Annotated[LongText | None, Form()] = None,
) -> Response:
    """It is not solved: the ticket is taken up again."""
    return await _act(
        request,
        token,
        lambda session: confirming.refuse_result(
            session, token=token, reason=reason, now=clock.now()
        ),
        flash="已重新处理，我们会尽快联系您",
    )


@router.post("/{token}/rating")
async def rate(
    request: Request,
    clock: ClockDep,
    token: Token,
    score: Annotated[int, Form(ge=1, le=5)],
) -> Response:
    """How the ticket was handled."""
    return await _act(
        request,
        token,
        lambda session: rating_links.rate_by_link(
            session, token=token, score=score, now=clock.now()
        ),
        flash="谢谢您的评价",
    )


@router.post("/{token}/accept")
async def accept(
    request: Request,
    clock: ClockDep,
    token: Token,
    agreement_version: Annotated[ShortText, Form()],
) -> Response:
    """The agreement as it was shown is accepted."""
    return await _act(
        request,
        token,
        lambda session: telephone.accept_by_link(
            session, token=token, agreement_version=agreement_version, now=clock.now()
        ),
        flash="已同意订奶协议，请付款",
    )


@router.post("/{token}/change-confirm")
async def confirm_change(
    request: Request,
    clock: ClockDep,
    token: Token,
    seen: Annotated[str, Form(pattern=r"^[0-9a-f]{64}$")],
) -> Response:
    """Yes to what the deliverer wrote down, as it was shown."""
    return await _act(
        request,
        token,
        lambda session: recording.answer_by_link(session, token=token, seen=seen, now=clock.now()),
        flash="已确认，变更已生效",
    )


@router.post("/{token}/change-decline")
async def decline_change(request: Request, clock: ClockDep, token: Token) -> Response:
    """No: nothing changes."""
    return await _act(
        request,
        token,
        lambda session: recording.answer_by_link(session, token=token, seen=None, now=clock.now()),
        flash="已记下：不做这次变更",
    )


@router.post("/{token}/claim")
async def claim(
    request: Request, clock: ClockDep, token: Token, said: Annotated[ClaimForm, Form()]
) -> Response:
    """Where the milk of a marketplace order is to be brought; the agreement is accepted."""
    return await _act(
        request,
        token,
        lambda session: claim_by_link(
            session,
            token=token,
            address=said.address(),
            agreement_version=said.agreement_version,
            now=clock.now(),
        ),
        flash="已提交，我们会尽快审核并短信通知您",
    )


@router.post("/{token}/pay")
async def pay(
    request: Request,
    clock: ClockDep,
    token: Token,
    attempt: Annotated[str, Form(pattern=r"^[0-9a-f]{32}$")],
    channel: Channel = "wechat",
) -> Response:
    """Start a payment by the channel that was chosen; the attempt is committed before the channel is asked.

    A second tap, and a page loaded again, are the same attempt.
    """
    check_origin(request)
    by = PaymentChannel(channel)
    database: Database = request.app.state.database
    try:
        async with database.transaction() as session:
            payment = await telephone.pay_by_link(
                session,
                token=token,
                attempt=f"{attempt}-{channel}",
                channel=by,
                method=method_for(request, by),
                openid=None,
                payer_address=None if request.client is None else request.client.host,
                now=clock.now(),
            )
        asked = await ask_channel(
            database,
            customer_id=payment.customer_id,
            payment_id=payment.payment_id,
            now=clock.now(),
        )
        template, values = await _shown(database, token, now=clock.now())
    except AppError as error:
        return _problem(request, error, token=token)
    cashier = cashier_of(request, asked, back=f"/l/{token}")
    return _guarded(render(request, template, cashier=cashier, **values))
