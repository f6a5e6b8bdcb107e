"""Shapes of the morning."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from app.coldchain.service import DeviceView
from app.core.ids import public_single
from app.core.schemas import Answer
from app.kpi.morning.cash import cash_parts, total_fen
from app.kpi.morning.reading import BlockRow, Board, Part
from app.kpi.morning.rules import Counts, CurvePoint


class CountsOut(Answer):
    """Household stops: `made` = on_time + late + bulk; `due` = made + partly + failed + still_open.

    Shares are percent, rounded down: `share` of all that is due, `share_of_done` of what phones
    have reported.
    """

    due: int
    done: int
    made: int
    on_time: int
    late: int
    bulk: int
    partly: int
    failed: int
    still_open: int
    withdrawn: int
    schools_due: int
    schools_made: int
    share: Decimal | None
    share_of_done: Decimal | None


class PartOut(Answer):
    """A scope's counts and outlook; `projected` speaks of the `projected_due` stops alone."""

    scope: str
    title: str
    counts: CountsOut
    projected: int
    projected_due: int
    projected_share: Decimal | None
    blocks: int
    blocks_at_risk: int
    stops_at_risk: int


class CurvePointOut(Answer):
    """Stops made in full until `at`, and their share of all that is due, in percent."""

    at: datetime
    made: int
    share: Decimal | None


class CashPartOut(Answer):
    """Cash taken in a part of the scope; `scope` null where the place is not known."""

    scope: str | None
    title: str | None
    amount_fen: int
    receipts: int


class CashOut(Answer):
    """Cash taken at doors, by the ledger's date; cities or stations, else deliverers, then blocks."""

    amount_fen: int
    receipts: int
    parts: list[CashPartOut]


class ThermometerOut(Answer):
    """A thermometer of the station as it stands."""

    device_id: str
    code: str
    place: str
    state: str
    celsius: Decimal | None
    at: datetime | None


class MorningOut(Answer):
    """A morning of a scope; `parts` one level down, `deliverers` of a block or a deliverer."""

    service_date: date
    scope: str
    as_of: datetime
    limit_at: datetime
    target: Decimal
    whole: PartOut
    parts: list[PartOut]
    deliverers: list[PartOut]
    curve: list[CurvePointOut]
    thermometers: list[ThermometerOut]
    cash: CashOut


class BlockOut(Answer):
    """A block's morning; `risks` are not_started, behind_pace, offline, failed_stops."""

    block_id: str
    code: str
    name: str
    station_id: str
    station_name: str
    city_code: str
    deliverer_id: str | None
    deliverer_name: str | None
    counts: CountsOut
    projected: int | None
    stops_at_risk: int
    risks: list[str]
    offline_since: datetime | None
    first_tap_at: datetime | None
    last_tap_at: datetime | None
    last_heard_at: datetime | None
    handover_celsius: Decimal | None
    handover_passed: bool | None


class LiveOut(Answer):
    """What a live viewer gets: his scope's morning and its worst blocks."""

    morning: MorningOut
    blocks: list[BlockOut]


def present_counts(counts: Counts) -> CountsOut:
    """Counts for the API."""
    return CountsOut.model_validate(counts)


def present_part(part: Part) -> PartOut:
    """A scope's figures for the API."""
    return PartOut(
        scope=part.scope.text,
        title=part.title,
        counts=present_counts(part.counts),
        projected=part.projected,
        projected_due=part.projected_due,
        projected_share=part.projected_share,
        blocks=part.blocks,
        blocks_at_risk=part.blocks_at_risk,
        stops_at_risk=part.at_risk,
    )


def present_curve(points: list[CurvePoint]) -> list[CurvePointOut]:
    """The day's curve for the API."""
    return [CurvePointOut.model_validate(point) for point in points]


def present_morning(
    board: Board, *, deliverers: list[Part], devices: list[DeviceView], limit_at: datetime
) -> MorningOut:
    """A morning for the API."""
    return MorningOut(
        service_date=board.service_date,
        scope=board.scope.text,
        as_of=board.as_of,
        limit_at=limit_at,
        target=board.target,
        whole=present_part(board.whole),
        parts=[present_part(part) for part in board.parts()],
        deliverers=[present_part(part) for part in deliverers],
        curve=present_curve(board.curve()),
        thermometers=[
            ThermometerOut(
                device_id=public_single("dev", device.id),
                code=device.code,
                place="store" if device.vehicle_id is None else "vehicle",
                state=device.state,
                celsius=device.last_celsius,
                at=device.last_at,
            )
            for device in devices
        ],
        cash=present_cash(board),
    )


def present_cash(board: Board) -> CashOut:
    """A scope's cash for the API."""
    return CashOut(
        amount_fen=total_fen(board.cash),
        receipts=sum(taken.receipts for taken in board.cash),
        parts=[
            CashPartOut(
                scope=None if part.scope is None else part.scope.text,
                title=part.title,
                amount_fen=part.amount_fen,
                receipts=part.receipts,
            )
            for part in cash_parts(board.scope, board.cash)
        ],
    )


def present_block(row: BlockRow, handover: tuple[Decimal, bool] | None = None) -> BlockOut:
    """A block for the API."""
    outlook = row.outlook
    return BlockOut(
        block_id=public_single("blk", row.block_id),
        code=row.code,
        name=row.name,
        station_id=public_single("stn", row.station_id),
        station_name=row.station_name,
        city_code=row.city_code,
        deliverer_id=_deliverer(row.deliverer_id),
        deliverer_name=row.deliverer_name,
        counts=present_counts(row.counts),
        projected=outlook.projected,
        stops_at_risk=outlook.at_risk,
        risks=[risk.value for risk in outlook.risks],
        offline_since=outlook.offline_since,
        first_tap_at=row.pulse.first_tap_at,
        last_tap_at=row.pulse.last_tap_at,
        last_heard_at=row.pulse.last_heard_at,
        handover_celsius=handover and handover[0],
        handover_passed=handover and handover[1],
    )


def _deliverer(deliverer_id: UUID | None) -> str | None:
    return None if deliverer_id is None else public_single("dlv", deliverer_id)
