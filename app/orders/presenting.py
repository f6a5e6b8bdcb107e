"""Between the domain's values and the JSON shapes of orders."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from app.billing.models import Payment, PaymentChannel
from app.catalog.promotions import Offered
from app.core.ids import public_pair, public_single, read_single
from app.orders.changes.wanted import pattern_as_json
from app.orders.deposit_schemas import OrderDepositOut, QuotedDepositOut
from app.orders.gifts import first_promise
from app.orders.models import Deposit, Order, OrderChange, OrderHistory, OrderLine
from app.orders.quote_schemas import (
    DayOut,
    QuotedLineOut,
    QuotedPromotionOut,
    QuoteOut,
    WarningOut,
)
from app.orders.repository import pattern_of
from app.orders.rules import end_date
from app.orders.schemas import (
    CandidateOut,
    ChangeRecordOut,
    DoorOrderIn,
    HistoryOut,
    LineOut,
    NextAddressOut,
    OrderHistoryOut,
    OrderOut,
    PaymentStarted,
    ReviewOut,
)
from app.orders.service.doorstep import DoorOrder
from app.orders.service.placing import Placed, QuotedLine, QuoteResult, terms_for
from app.orders.service.reading import OrderView
from app.orders.service.reviewing import REASON_LABELS, WaitingReview
from app.orders.states import DEPOSIT_LABELS, LABELS

WARNINGS = {
    "uncovered": "该地址暂不在配送范围内；可以下单，审核未通过将自动原路退款",
    "unclear": "该地址需要人工审核",
}


def quote_out(result: QuoteResult, *, agreement_version: str) -> QuoteOut:
    """A quote."""
    coverage = result.coverage
    message = WARNINGS.get(coverage.verdict)
    return QuoteOut(
        station=None if coverage.station_id is None else public_single("stn", coverage.station_id),
        block=None if coverage.block_id is None else public_single("blk", coverage.block_id),
        first_possible_date=result.first_possible_date,
        full_fen=result.full_fen,
        discount_fen=result.discount_fen,
        price_fen=result.price_fen,
        deposits=[
            QuotedDepositOut(
                kind=need.kind,
                product_id=None
                if need.product_id is None
                else public_single("prd", need.product_id),
                amount_fen=need.amount_fen,
            )
            for need in result.deposits
        ],
        deposit_fen=result.deposit_fen,
        due_fen=result.due_fen,
        needs_box=result.needs_box,
        lines=[_quoted_line(line) for line in result.lines],
        warnings=[WarningOut(code=coverage.verdict, message=message)] if message else [],
        agreement_version=agreement_version,
    )


def _quoted_line(line: QuotedLine) -> QuotedLineOut:
    return QuotedLineOut(
        product_id=public_single("prd", line.offer.product_id),
        product=line.offer.name,
        specification=line.offer.specification,
        unit_price_fen=line.offer.price_fen,
        bottles=line.bottles,
        full_fen=line.price.full_fen,
        discount=line.price.discount,
        discount_fen=line.price.discount_fen,
        gift_bottles=line.price.gift_bottles,
        promotion=_promotion(line.price.promotion),
        price_fen=line.price_fen,
        start_date=line.start_date,
        end_date=line.end_date,
        deliveries=[DayOut(date=day, bottles=count) for day, count in line.deliveries],
        gifts=[DayOut(date=day, bottles=count) for day, count in line.gifts.items()],
    )


def _promotion(promotion: Offered | None) -> QuotedPromotionOut | None:
    if promotion is None:
        return None
    return QuotedPromotionOut(
        id=public_single("prm", promotion.promotion_id),
        name=promotion.name,
        rule=promotion.rule,
        forbids=sorted(promotion.forbids),
    )


def placed_out(placed: Placed) -> OrderOut:
    """An order that has just been placed: its days are those of the quote."""
    lines = []
    for line in placed.lines:
        pattern = pattern_out(line)
        terms = terms_for(
            pattern_of(line),
            product_id=line.product_id,
            start=line.start_date,
            bottles=line.bottles_bought + line.gift_bottles,
        )
        left = line.bottles_bought + line.gift_bottles
        gifts = first_promise(
            terms, last=line.gift_bottles, dated=line.dated_gifts, every=line.gift_every
        )
        lines.append(_line(line, pattern, end=end_date(terms), left=left, gifts=gifts))
    status = placed.order.status
    order = placed.order
    return _order(
        order,
        lines,
        shown=status.value,
        label=LABELS[status],
        address_id=order.address_id,
        deposits=placed.deposits,
    )


def order_out(view: OrderView) -> OrderOut:
    """An order as it stands."""
    lines = [
        _line(
            item.line,
            pattern_out(item.line)
            if item.placement is None
            else pattern_as_json(item.placement.pattern),
            end=item.end_date,
            left=item.bottles_left,
            gifts=item.gifts_to_come,
        )
        for item in view.lines
    ]
    out = _order(
        view.order,
        lines,
        shown=view.shown_status,
        label=view.label,
        address_id=view.address_id,
        deposits=view.deposits,
    )
    door = view.next_door
    if door is not None:
        address_id = public_pair("adr", view.order.customer_id, door.address_id)
        out.next_address = NextAddressOut(address_id=address_id, from_date=door.from_date)
    return out


def _order(
    order: Order,
    lines: list[LineOut],
    *,
    shown: str,
    label: str,
    address_id: UUID,
    deposits: Sequence[Deposit],
) -> OrderOut:
    return OrderOut(
        id=public_pair("ord", order.customer_id, order.order_id),
        order_no=order.order_no,
        status=order.status,
        shown_status=shown,
        label=label,
        confirmation=order.confirmation,
        source=order.source,
        address_id=public_pair("adr", order.customer_id, address_id),
        price_fen=order.price_fen,
        deposit_fen=order.deposit_fen,
        due_fen=order.due_fen,
        deposits=[_deposit(one) for one in deposits],
        agreement_version=order.agreement_version,
        placed_at=order.placed_at,
        pay_before_at=order.pay_before_at,
        paid_at=order.paid_at,
        confirmed_at=order.confirmed_at,
        ended_at=order.ended_at,
        lines=lines,
    )


def _deposit(deposit: Deposit) -> OrderDepositOut:
    product = deposit.product_id
    return OrderDepositOut(
        id=public_pair("dep", deposit.customer_id, deposit.deposit_id),
        kind=deposit.kind,
        product_id=None if product is None else public_single("prd", product),
        amount_fen=deposit.amount_fen,
        state=deposit.state,
        state_label=DEPOSIT_LABELS[deposit.state],
    )


def _line(
    line: OrderLine, pattern: dict[str, Any], *, end: Any, left: int, gifts: Mapping[date, int]
) -> LineOut:
    return LineOut(
        id=public_pair("lin", line.customer_id, line.order_line_id),
        product_id=public_single("prd", line.product_id),
        pattern=pattern,
        start_date=line.anchor_date or line.start_date,
        end_date=end,
        cycle_days=line.cycle_days,
        bottles_bought=line.bottles_bought,
        gift_bottles=line.gift_bottles + line.dated_gifts,
        bottles_left=left,
        gifts=[DayOut(date=day, bottles=count) for day, count in gifts.items()],
        paid_fen=line.paid_fen,
        discount_fen=line.discount_fen,
        unit_price_fen=line.unit_price_fen,
        vat_permille=line.vat_permille,
    )


def pattern_out(line: OrderLine) -> dict[str, Any]:
    """The pattern of a line as it was ordered."""
    return pattern_as_json(pattern_of(line))


def history_out(moves: Sequence[OrderHistory], changes: Sequence[OrderChange]) -> OrderHistoryOut:
    """Moves and changes."""
    return OrderHistoryOut(
        moves=[HistoryOut.model_validate(move) for move in moves],
        changes=[
            ChangeRecordOut(
                id=public_pair("chg", change.customer_id, change.change_id),
                kind=change.kind,
                effective_date=change.effective_date,
                preview=change.preview,
                actor=change.actor,
                at=change.at,
            )
            for change in changes
        ],
    )


def payment_out(payment: Payment) -> PaymentStarted:
    """A started payment."""
    return PaymentStarted(
        id=public_pair("pay", payment.customer_id, payment.payment_id),
        status=payment.status,
        amount_fen=payment.amount_fen,
        expires_at=payment.expires_at,
        handle=payment.handle,
    )


def review_out(waiting: WaitingReview) -> ReviewOut:
    """An order that waits, with the candidates of its coverage."""
    building = waiting.building
    return ReviewOut(
        order_id=public_pair("ord", waiting.order.customer_id, waiting.order.order_id),
        order_no=waiting.order.order_no,
        change_id=None
        if waiting.change is None
        else public_pair("chg", waiting.change.customer_id, waiting.change.change_id),
        verdict=waiting.review.verdict,
        opened_at=waiting.review.opened_at,
        price_fen=waiting.order.price_fen,
        city_code=building.city_code,
        district=building.district,
        street=building.street,
        house_no=building.house_no,
        compound=building.compound,
        source=waiting.order.source,
        paid_at=waiting.order.paid_at,
        reason=waiting.reason,
        reason_label=REASON_LABELS[waiting.reason],
        candidates=[
            CandidateOut(
                block_id=public_single("blk", block.block_id),
                code=block.code,
                name=block.name,
                station_id=public_single("stn", block.station_id),
                station=block.station,
            )
            for block in waiting.candidates
        ],
        suggested_stop_no=waiting.stop_no,
    )


def door_order(body: DoorOrderIn, *, deliverer_id: UUID) -> DoorOrder:
    """The domain's value of a door order."""
    return DoorOrder(
        deliverer_id=deliverer_id,
        client_order_id=UUID(body.client_order_id),
        customer_name=body.customer_name,
        phone=body.phone,
        address=body.address.text(),
        product_id=read_single("prd", body.product_id),
        pattern=body.pattern.pattern(),
        start_date=body.start_date,
        bottles=body.bottles,
        amount_fen=body.amount_fen,
        deposit_fen=body.deposit_fen,
        pay_channel=PaymentChannel(body.pay_channel),
        receipt_no=body.receipt_no,
        pos_slip=None if body.pos_slip is None else body.pos_slip.model_dump(exclude_none=True),
        agreement_version=body.agreement_version,
        taken_at=body.taken_at,
    )
