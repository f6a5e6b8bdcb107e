"""Shapes of dealers' statements and of the liability in milk. Days are inclusive, amounts fen."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from app.core.ids import public_single
from app.core.schemas import Answer, Request, ShortText
from app.delivery.repository.liability import StationLiability, StationName
from app.delivery.service.liability import Liability
from app.delivery.service.settlement_files import statement_no
from app.delivery.service.settling import StatementView
from app.delivery.settlement_models import CustodyPolicy
from app.delivery.settlement_rules import StatementLine
from app.delivery.settlement_states import (
    LINE_LABELS,
    STATEMENT_LABELS,
    LineKind,
    StatementState,
)
from app.network.models import Station
from app.network.schemas import CalendarDate, PublicId


class StatementIn(Request):
    """A dealer and the whole days to settle."""

    dealer: PublicId
    from_date: CalendarDate
    to_date: CalendarDate


class SettledIn(Request):
    """What the bank's slip says."""

    bank_date: CalendarDate
    slip_no: Annotated[ShortText, Field(max_length=60)]


class StatementLineOut(Answer):
    """A line; `amount_fen` above zero is for the dealer."""

    kind: LineKind
    kind_label: str
    station: str
    station_code: str
    station_name: str
    term_from: date | None
    share_bp: int
    fen_per_bottle: int
    bottles: int
    bottles_corrected: int
    delivered_fen: int
    corrected_fen: int
    amount_fen: int

    @classmethod
    def of(cls, line: StatementLine, station: Station) -> "StatementLineOut":
        """Of a line and its station."""
        return cls(
            kind=line.kind,
            kind_label=LINE_LABELS[line.kind],
            station=public_single("stn", station.id),
            station_code=station.code,
            station_name=station.name,
            term_from=line.term_from,
            share_bp=line.share_bp,
            fen_per_bottle=line.fen_per_bottle,
            bottles=line.bottles,
            bottles_corrected=line.bottles_corrected,
            delivered_fen=line.delivered_fen,
            corrected_fen=line.corrected_fen,
            amount_fen=line.amount_fen,
        )


class StatementSummaryOut(Answer):
    """A statement without its lines; a draft has no total yet."""

    id: str
    statement_no: str | None
    dealer: str
    dealer_name: str
    from_date: date
    to_date: date
    state: StatementState
    state_label: str
    total_fen: int | None
    created_at: datetime
    issued_by: UUID | None
    issued_at: datetime | None
    settled_by: UUID | None
    settled_at: datetime | None
    bank_date: date | None
    slip_no: str | None

    @classmethod
    def of(cls, view: StatementView) -> "StatementSummaryOut":
        """Of a row and its dealer."""
        row = view.row
        first, last = view.days
        return cls(
            id=public_single("dst", row.statement_id),
            statement_no=statement_no(view),
            dealer=public_single("dea", row.dealer_id),
            dealer_name=view.dealer.name,
            from_date=first,
            to_date=last,
            state=row.state,
            state_label=STATEMENT_LABELS[row.state],
            total_fen=row.total_fen,
            created_at=row.created_at,
            issued_by=row.issued_by,
            issued_at=row.issued_at,
            settled_by=row.settled_by,
            settled_at=row.settled_at,
            bank_date=row.bank_date,
            slip_no=row.slip_no,
        )


class StatementOut(StatementSummaryOut):
    """A statement with its lines; above zero the operator owes the dealer."""

    lines: list[StatementLineOut]

    @classmethod
    def of(cls, view: StatementView) -> "StatementOut":
        """Of a statement; a draft's total is as of now."""
        summary = StatementSummaryOut.of(view).model_dump() | {"total_fen": view.total_fen}
        lines = [StatementLineOut.of(line, view.stations[line.station_id]) for line in view.lines]
        return cls(**summary, lines=lines)


class StationLiabilityOut(Answer):
    """What is owed in milk at a station by days since it was paid; without a station a row of its own."""

    station: str | None
    station_code: str | None
    station_name: str | None
    dealer: str | None
    dealer_name: str | None
    to_30_fen: int
    to_90_fen: int
    to_180_fen: int
    to_365_fen: int
    over_365_fen: int
    total_fen: int

    @classmethod
    def of(cls, one: StationLiability, name: StationName | None) -> "StationLiabilityOut":
        """Of a row and its names."""
        dealer_id = name.dealer_id if name else None
        return cls(
            station=None if one.station_id is None else public_single("stn", one.station_id),
            station_code=name.code if name else None,
            station_name=name.name if name else None,
            dealer=None if dealer_id is None else public_single("dea", dealer_id),
            dealer_name=name.dealer_name if name else None,
            to_30_fen=one.to_30_fen,
            to_90_fen=one.to_90_fen,
            to_180_fen=one.to_180_fen,
            to_365_fen=one.to_365_fen,
            over_365_fen=one.over_365_fen,
            total_fen=one.total_fen,
        )


class PolicyIn(Request):
    """Which part of balances is held in custody from a date on, and by which rule."""

    valid_from: CalendarDate
    permille: Annotated[int, Field(ge=0, le=1000, strict=True)]
    article: ShortText


class PolicyOut(Answer):
    """A custody policy."""

    valid_from: date
    permille: int
    article: str
    set_at: datetime


class Policies(Answer):
    """Custody policies, the latest first."""

    items: list[PolicyOut]

    @classmethod
    def of(cls, found: list[CustodyPolicy]) -> "Policies":
        """Of rows."""
        return cls(items=[PolicyOut.model_validate(one) for one in found])


class LiabilityOut(Answer):
    """Balances to the end of a date; `total_fen` is the `prepaid` account of the trial balance."""

    date: date
    items: list[StationLiabilityOut]
    total_fen: int
    policy: PolicyOut | None
    custody_fen: int | None

    @classmethod
    def of(cls, found: Liability) -> "LiabilityOut":
        """Of what was read."""
        policy = None if found.policy is None else PolicyOut.model_validate(found.policy)
        return cls(
            date=found.date,
            items=[StationLiabilityOut.of(one, name) for one, name in found.stations],
            total_fen=found.total_fen,
            policy=policy,
            custody_fen=found.custody_fen,
        )
