"""Shapes of the desk's own endpoints: the ticket page, searches, teams, templates."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field

from app.aftersales.models import AnswerTemplate
from app.aftersales.placeholders import Placeholder
from app.aftersales.reading import DeskPage
from app.aftersales.repository.around import DeliveredLine
from app.aftersales.repository.queue import DueVisit
from app.aftersales.repository.staff import StaffName
from app.aftersales.schemas import PublicId, TicketFileOut, TicketOut, present_file, present_ticket
from app.aftersales.states import (
    PURPOSE_LABELS,
    TEAM_LABELS,
    Team,
    TemplatePurpose,
    TicketCategory,
)
from app.core.ids import public_pair, public_single
from app.core.schemas import Answer, LongText, Request, ShortText
from app.customers.schemas import CustomerOut
from app.orders.presenting import order_out
from app.orders.schemas import OrderOut


class SearchIn(Request):
    """A ticket number, an order number or a phone, as a whole."""

    text: Annotated[ShortText, Field(min_length=4, max_length=40)]


class DeliveryOut(Answer):
    """One delivery of the customer's, with names for people."""

    service_date: date
    order_line_id: str
    delivery_no: int
    product: str
    quantity: int
    quantity_delivered: int
    status: str
    reason: str | None
    done_at: datetime | None
    station: str
    block: str
    deliverer: str | None


class DeskPageOut(Answer):
    """A ticket with all an agent needs beside it; the customer is masked."""

    ticket: TicketFileOut
    customer: CustomerOut
    orders: list[OrderOut]
    deliveries: list[DeliveryOut]
    other_tickets: list[TicketOut]


def present_desk_page(page: DeskPage) -> DeskPageOut:
    """The agent's page."""
    return DeskPageOut(
        ticket=present_file(page.file, for_desk=True),
        customer=CustomerOut.of(page.customer),
        orders=[order_out(view) for view in page.orders],
        deliveries=[_delivery(line) for line in page.deliveries],
        other_tickets=[
            present_ticket(one.ticket, assignee=one.assignee, for_desk=True) for one in page.tickets
        ],
    )


def _delivery(line: DeliveredLine) -> DeliveryOut:
    made = line.delivery
    return DeliveryOut(
        service_date=made.service_date,
        order_line_id=public_pair("lin", made.customer_id, made.order_line_id),
        delivery_no=made.delivery_no,
        product=line.product,
        quantity=made.quantity,
        quantity_delivered=made.quantity_delivered,
        status=made.status,
        reason=made.reason,
        done_at=made.done_at,
        station=line.station,
        block=line.block,
        deliverer=line.deliverer,
    )


class DueVisitOut(Answer):
    """A ticket that waits for its call-back; tries are those since its result."""

    ticket: TicketOut
    due_at: datetime
    is_overdue: bool
    tries: int
    last_tried_at: datetime | None


def present_due_visit(visit: DueVisit, *, now: datetime) -> DueVisitOut:
    """A line of the call-back list."""
    return DueVisitOut(
        ticket=present_ticket(visit.ticket, assignee=visit.assignee, for_desk=True),
        due_at=visit.due_at,
        is_overdue=visit.due_at < now,
        tries=visit.tries,
        last_tried_at=visit.last_tried_at,
    )


class MemberOut(Answer):
    """A member of a team."""

    login: str
    display_name: str


class TeamOut(Answer):
    """A team of the desk with who is in it and how much it has to do."""

    team: Team
    label: str
    members: list[MemberOut]
    running: int


class TeamsOut(Answer):
    """All teams."""

    items: list[TeamOut]


class MembersIn(Request):
    """Who is in the team from now on, by login."""

    logins: Annotated[list[ShortText], Field(max_length=200)]


def present_teams(
    members: Iterable[tuple[Team, StaffName]], running: dict[Team | None, int]
) -> TeamsOut:
    """All teams, also those without members."""
    found = list(members)
    return TeamsOut(
        items=[
            TeamOut(
                team=team,
                label=TEAM_LABELS[team],
                members=[MemberOut.model_validate(name) for one, name in found if one is team],
                running=running.get(team, 0),
            )
            for team in Team
        ]
    )


class TemplateIn(Request):
    """A new text; placeholders stand in braces, e.g. {工单号}."""

    purpose: TemplatePurpose
    category: TicketCategory | None = None
    title: ShortText
    text: LongText


class TemplatePatch(Request):
    """What changes; `category` null fits any ticket."""

    purpose: TemplatePurpose | None = None
    category: TicketCategory | None = None
    title: ShortText | None = None
    text: LongText | None = None
    is_active: bool | None = None

    def changes(self) -> dict[str, Any]:
        """Only what the request names."""
        named = {name: getattr(self, name) for name in self.model_fields_set}
        return {
            name: value for name, value in named.items() if value is not None or name == "category"
        }


class TemplateOut(Answer):
    """A text of the catalogue."""

    id: str
    purpose: TemplatePurpose
    label: str
    category: TicketCategory | None
    title: str
    text: str
    is_active: bool
    changed_at: datetime


class TemplatesOut(Answer):
    """The catalogue, and what a text may ask for."""

    items: list[TemplateOut]
    placeholders: list[str]


class DraftIn(Request):
    """Which template to fill in for a ticket."""

    template_id: PublicId


class DraftOut(Answer):
    """What the template says to this ticket's customer; nothing has been sent."""

    text: str


def present_template(template: AnswerTemplate) -> TemplateOut:
    """A text of the catalogue."""
    return TemplateOut(
        id=public_single("tpl", template.id),
        purpose=template.purpose,
        label=PURPOSE_LABELS[template.purpose],
        category=None if template.category is None else TicketCategory(template.category),
        title=template.title,
        text=template.text,
        is_active=template.is_active,
        changed_at=template.changed_at,
    )


def present_templates(templates: Iterable[AnswerTemplate]) -> TemplatesOut:
    """The catalogue."""
    return TemplatesOut(
        items=[present_template(one) for one in templates],
        placeholders=[name.value for name in Placeholder],
    )
