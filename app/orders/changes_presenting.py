"""Between the domain's values and the JSON shapes of changes."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.ids import public_pair, public_single, read_pair, read_single
from app.orders.change_schemas import (
    AddProductIn,
    CancelIn,
    ChangedDayOut,
    ChangedProductOut,
    ChangeIn,
    ChangeOut,
    ChangePatternIn,
    ChangeQuantityIn,
    Dates,
    LineEffectOut,
    MoveIn,
    OneDayProductIn,
    OneDayQuantityIn,
    PauseIn,
    PreviewOut,
    RenewIn,
    ResumeIn,
    SettledLineOut,
    SettlementOut,
    SkipIn,
    SwapIn,
)
from app.orders.changes.kinds import KINDS
from app.orders.changes.previews import Effect
from app.orders.changes.wanted import WantedChange
from app.orders.models import OrderChange
from app.orders.states import CHANGE_LABELS, SETTLEMENT_LABELS, WAITING_MOVES, Settlement


def wanted_change(customer_id: UUID, body: ChangeIn) -> WantedChange:
    """The domain's value of a change; raises NotFound for a line of somebody else."""
    line_id = (
        None
        if isinstance(body, CancelIn | AddProductIn | RenewIn | MoveIn)
        else _line_id(customer_id, body.line_id)
    )
    said = _moved(customer_id, body) if isinstance(body, MoveIn) else _said(body)
    return WantedChange(kind=body.kind, line_id=line_id, **said)


def _moved(customer_id: UUID, body: MoveIn) -> dict[str, Any]:
    owner, address_id = read_pair("adr", body.address_id)
    if owner != customer_id:
        raise NotFound
    return {"first_date": body.from_date, "address_id": address_id}


def _said(body: ChangeIn) -> dict[str, Any]:
    match body:
        case SkipIn():
            return {"first_date": body.date, "last_date": body.date, "settle": body.settle}
        case PauseIn():
            first, last = body.from_date, body.until_date
            return {"first_date": first, "last_date": last, "settle": body.settle}
        case OneDayQuantityIn():
            return {"first_date": body.date, "quantity": body.quantity}
        case OneDayProductIn():
            return {"first_date": body.date, "product_id": read_single("prd", body.product_id)}
        case ChangeQuantityIn():
            return {"first_date": body.from_date, "quantity": body.quantity}
        case ChangePatternIn():
            return {"first_date": body.from_date} | _pattern(body)
        case SwapIn():
            product_id = read_single("prd", body.product_id)
            return {
                "first_date": body.from_date,
                "product_id": product_id,
                "settle": body.settle,
            }
        case AddProductIn():
            return {
                "first_date": body.from_date,
                "product_id": read_single("prd", body.product_id),
                "pattern": body.pattern.pattern(),
                "bottles": body.bottles,
                "cycle_days": body.cycle_days,
            }
        case ResumeIn():
            return {"first_date": body.from_date}
        case RenewIn() | CancelIn() | MoveIn():
            return body.model_dump(exclude={"kind"})


def _pattern(body: ChangePatternIn) -> dict[str, Any]:
    if isinstance(body.pattern, Dates):
        days = sorted((day.date, day.quantity) for day in body.pattern.dates)
        return {"dates": tuple(days)}
    return {"pattern": body.pattern.pattern()}


def _line_id(customer_id: UUID, text: str | None) -> UUID | None:
    if text is None:
        return None
    owner, line_id = read_pair("lin", text)
    if owner != customer_id:
        raise NotFound
    return line_id


def preview_out(customer_id: UUID, effect: Effect, token: str) -> PreviewOut:
    """What would happen."""
    return PreviewOut(
        kind=effect.wanted.kind,
        effective_date=effect.effective_date,
        first_possible_date=effect.first_possible_date,
        refund_fen=effect.refund_fen,
        credit_fen=effect.credit_fen,
        pay_fen=effect.pay_fen,
        resumes_date=effect.resumes_date,
        rule=effect.rule,
        settlement=_settlement(customer_id, effect.settlement),
        review=effect.review,
        lines=lines_out(customer_id, effect.as_json()),
        token=token,
    )


def change_out(change: OrderChange) -> ChangeOut:
    """The receipt, from the record itself."""
    kind = KINDS.get(change.kind)
    return ChangeOut(
        id=public_pair("chg", change.customer_id, change.change_id),
        kind=change.kind,
        label=OTHERS.get(change.kind, change.kind) if kind is None else kind.label,
        status=change.status,
        status_label=CHANGE_LABELS[change.status],
        effective_date=change.effective_date,
        refund_fen=change.preview.get("refund_fen", 0),
        credit_fen=change.credit_fen,
        pay_fen=change.pay_fen or change.preview.get("pay_fen", 0),
        pay_before_at=change.pay_before_at,
        rule=change.rule,
        resumes_date=change.resumes_date,
        settlement=_settlement(change.customer_id, change.preview.get("settlement")),
        renewal_order_id=None
        if change.made_order_id is None
        else public_pair("ord", change.customer_id, change.made_order_id),
        address_id=None
        if "address_id" not in change.request
        else public_pair("adr", change.customer_id, UUID(change.request["address_id"])),
        undoable=kind is not None
        and kind.undoable
        and (change.footprint is not None or change.status in WAITING_MOVES),
        lines=lines_out(change.customer_id, change.preview),
        actor=change.actor,
        at=change.at,
    )


OTHERS = {"day_withdrawn": "停送", "marketplace_refund": "平台退款减瓶", "renew": "续订"}
"""What the operator or a marketplace does to an order, and what leaves it as it is."""


def _settlement(customer_id: UUID, said: Mapping[str, Any] | None) -> SettlementOut | None:
    if said is None:
        return None
    lines = [
        SettledLineOut(
            **{name: value for name, value in line.items() if name != "order_line_id"},
            line_id=public_pair("lin", customer_id, UUID(line["order_line_id"])),
            label=SETTLEMENT_LABELS[Settlement(line["settlement"])],
        )
        for line in said["lines"]
    ]
    return SettlementOut(articles=said["articles"], lines=lines)


def lines_out(customer_id: UUID, preview: Mapping[str, Any]) -> list[LineEffectOut]:
    """What a change does to each line, as its preview keeps it."""
    return [
        LineEffectOut(
            line_id=line["order_line_id"]
            and public_pair("lin", customer_id, UUID(line["order_line_id"])),
            days=[
                ChangedDayOut(date=date.fromisoformat(day), bottles_before=old, bottles_after=new)
                for day, old, new in line.get("days", ())
            ],
            products=[
                ChangedProductOut(
                    date=date.fromisoformat(day),
                    product_before=public_single("prd", UUID(old)),
                    product_after=public_single("prd", UUID(new)),
                )
                for day, old, new in line.get("products", ())
            ],
            end_date_before=_day(line.get("end_before")),
            end_date_after=_day(line.get("end_after")),
            refund_fen=line.get("refund_fen", 0),
            credit_fen=line.get("credit_fen", 0),
        )
        for line in preview.get("lines", ())
    ]


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
