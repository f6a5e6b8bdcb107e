"""What an agent does to a ticket from its page. Each act names the version the page showed."""

from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Literal

from fastapi import Depends, Form, Request
from starlette.responses import Response

from app.aftersales.acting import Act
from app.aftersales.compensation import MakeUp
from app.aftersales.errors import TicketChanged
from app.aftersales.handling import Classification
from app.aftersales.repository import get_ticket
from app.aftersales.rights import Desk, TicketId, ticket_key
from app.aftersales.settling import CallBack
from app.aftersales.states import Handling, Team, TicketCategory, TicketClass
from app.core.db import SessionDep
from app.core.money import MAX_FEN, fen_from_yuan
from app.core.schemas import LongText, OptionalText, ShortText
from app.core.unit import Router
from app.customers import service as customers
from app.identity.access import Allow, ClockDep, Principal
from app.identity.models import Role
from app.web.common.flash import see_other
from app.web.common.templating import is_htmx, render
from app.web.servicedesk.errors import (
    AmountInvalid,
    GrantUnclear,
    NothingSaid,
    ScoreOrTries,
    WordsMissing,
)
from app.web.servicedesk.tickets import conflict, ticket_values

router = Router(prefix="/service/tickets/{ticket_id}", include_in_schema=False)
Version = Annotated[int, Form(ge=1, le=2**31)]
PublicId = Annotated[str, Form(max_length=80)]
OptionalId = Annotated[str | None, Form(max_length=80)]
Score = Annotated[int | None, Form(ge=1, le=5)]


@dataclass(frozen=True, slots=True)
class Sent:
    """One act sent from a ticket's page, and how its outcome is told."""

    request: Request
    ticket_id: str
    act: Act

    @classmethod
    def read(
        cls,
        request: Request,
        caller: Desk,
        session: SessionDep,
        clock: ClockDep,
        ticket_id: TicketId,
        version: Version,
    ) -> "Sent":
        """From the form and the address; raises NotFound for a malformed id."""
        act = Act.on(session, caller, ticket_id, seen=version, now=clock.now())
        return cls(request, ticket_id, act)

    async def finish(self, doing: Awaitable[object], done: str) -> Response:
        """Do it and show the ticket as it is now, or who was faster; other errors are raised."""
        act = self.act
        try:
            await doing
        except TicketChanged as error:
            key = act.customer_id, act.ticket_id
            return await conflict(self.request, act.session, key, error)
        if not is_htmx(self.request):
            return see_other(f"/service/tickets/{self.ticket_id}", flash=done)
        values = await ticket_values(act.session, act.caller, self.ticket_id, now=act.now)
        return render(self.request, "servicedesk/ticket_part.html", done=done, **values)


Opener = Annotated[Principal, Depends(Allow(Role.SERVICE_AGENT, Role.MANAGER))]
"""Who of the desk may see a customer in full."""
SentDep = Annotated[Sent, Depends(Sent.read)]


@router.post("/reply")
async def reply(
    sent: SentDep,
    audience: Annotated[Literal["public", "internal"], Form()] = "public",
    body: Annotated[LongText | None, Form()] = None,
    template_id: OptionalId = None,
) -> Response:
    """Answer the customer, or leave a note for colleagues."""
    internal = audience == "internal"
    if internal and (body is None or template_id is not None):
        raise WordsMissing
    if body is None and template_id is None:
        raise NothingSaid
    doing = sent.act.reply(body=body, template_id=template_id, internal=internal)
    return await sent.finish(doing, "内部备注已保存" if internal else "答复已发给顾客")


@router.post("/reveal")
async def reveal(
    request: Request,
    caller: Opener,
    session: SessionDep,
    clock: ClockDep,
    ticket_id: TicketId,
    reason: Annotated[ShortText, Form(min_length=4)],
) -> Response:
    """The customer's name and phone in full, to call him back; who looked and why is kept."""
    customer_id, row_id = ticket_key(caller, ticket_id)
    await get_ticket(session, customer_id=customer_id, ticket_id=row_id)
    contact = await customers.open_contact(
        session, caller=caller, customer_id=customer_id, reason=reason, now=clock.now()
    )
    answer = render(request, "servicedesk/contact_part.html", contact=contact)
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.post("/assign")
async def assign(
    sent: SentDep,
    login: Annotated[ShortText | None, Form()] = None,
    team: Annotated[Team | None, Form()] = None,
) -> Response:
    """Hand it to a team or a person, or take it oneself."""
    doing = sent.act.assign(login=login, team=team)
    return await sent.finish(doing, "已接单" if login is None and team is None else "已分派")


@router.post("/classify")
async def classify(
    sent: SentDep,
    reason: Annotated[ShortText, Form()],
    severity: Annotated[TicketClass | None, Form()] = None,
    mode: Annotated[Handling | None, Form(alias="handling")] = None,
    category: Annotated[TicketCategory | None, Form()] = None,
    food_safety: Annotated[bool, Form()] = False,
) -> Response:
    """Grade it anew, with the reason. Urgent is always handled as an emergency."""
    is_urgent = severity is TicketClass.URGENT
    wanted = Classification(
        severity=severity,
        handling=None if is_urgent else mode,
        category=category,
        is_food_safety=food_safety,
    )
    doing = sent.act.classify(wanted, reason=reason)
    return await sent.finish(doing, "分类已调整，时限随之更新")


@router.post("/merge")
async def merge(sent: SentDep, into: PublicId) -> Response:
    """Mark it as a duplicate of an older one."""
    return await sent.finish(sent.act.merge(into), "已并单")


@router.post("/compensate")
async def compensate(
    sent: SentDep,
    kind: Annotated[Literal["make_up", "credit"], Form()],
    service_date: Annotated[date | None, Form()] = None,
    bottles: Annotated[int | None, Form(ge=1, le=20)] = None,
    order_line_id: OptionalId = None,
    amount: Annotated[str | None, Form(max_length=20)] = None,
) -> Response:
    """Bring bottles again, or credit the balance; above an agent's limit a manager must."""
    if kind == "credit":
        return await sent.finish(sent.act.grant_credit(_fen(amount)), "补偿已记入顾客余额")
    if service_date is None or bottles is None:
        raise GrantUnclear
    make_up = MakeUp(
        service_date=service_date,
        bottles=bottles,
        order_line_id=sent.act.own_line(order_line_id),
    )
    return await sent.finish(sent.act.grant_make_up(make_up), f"已安排补送 {bottles} 瓶")


def _fen(amount: str | None) -> int:
    if amount is None:
        raise GrantUnclear
    try:
        fen = fen_from_yuan(amount.strip())
    except ValueError as error:
        raise AmountInvalid from error
    if not 0 < fen <= MAX_FEN:
        raise AmountInvalid
    return fen


@router.post("/resolve")
async def resolve(
    sent: SentDep,
    result: Annotated[LongText, Form()],
    late_reason: Annotated[OptionalText | None, Form()] = None,
    is_unfounded: Annotated[bool, Form()] = False,
) -> Response:
    """Tell the customer the result; past the promise or 24 hours with the reason."""
    doing = sent.act.resolve(
        result=result,
        late_reason=late_reason,
        is_unfounded=True if is_unfounded else None,
    )
    return await sent.finish(doing, "处理结果已告知顾客，等待回访")


@router.post("/reopen")
async def reopen(sent: SentDep, reason: Annotated[LongText, Form()]) -> Response:
    """Take it up again, with a clock anew."""
    return await sent.finish(sent.act.reopen(reason), "已重新打开，时限重新计算")


@router.post("/return-visit")
async def visit(
    sent: SentDep,
    reached: Annotated[bool, Form()],
    score: Score = None,
    manner_score: Score = None,
    remarks: Annotated[LongText | None, Form()] = None,
) -> Response:
    """Write down a call-back; a score closes the ticket (S1 4.5.3.1, manners 4.5.2.3)."""
    if (reached and score is None) or (not reached and remarks is None):
        raise ScoreOrTries
    call = CallBack(
        score=score if reached else None,
        remarks=remarks,
        manner_score=manner_score if reached else None,
    )
    done = "回访已记录，售后单关闭" if reached else "已记录未接通"
    return await sent.finish(sent.act.visit(call), done)
