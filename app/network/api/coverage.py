"""Coverage over HTTP: anyone asks about an address, administrators and managers keep the rules."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Query, Response

from app.core.db import SessionDep
from app.core.idempotency import IdempotentDep
from app.core.ids import public_single, read_single
from app.core.pagination import BadCursor, Page, PageDep, PageRequest, cursor_of
from app.core.unit import Router
from app.identity.access import OPEN, ClockDep
from app.network import service
from app.network.api.callers import Keeper, Reader, StationQuery, wanted_station
from app.network.errors import NoOpenDay
from app.network.models import Block, CoverageKind, CoverageRule
from app.network.repository.dated import to_period
from app.network.schemas import (
    CoverageCheckIn,
    CoverageCheckOut,
    RuleChange,
    RuleIn,
    RuleOut,
)

router = Router()


def _rule(rule: CoverageRule, block: Block) -> RuleOut:
    period = to_period(rule.valid)
    return RuleOut(
        id=public_single("cov", rule.id),
        block=public_single("blk", block.id),
        block_code=block.code,
        city_code=rule.city_code,
        kind=rule.kind,
        district=rule.district,
        compound=rule.compound,
        street=rule.street,
        house_from=rule.house_from,
        house_to=rule.house_to,
        parity=rule.parity,
        polygon=None if rule.polygon is None else [(x, y) for x, y in rule.polygon],
        first_stop_no=rule.first_stop_no,
        from_date=period.first,
        to_date=period.last,
    )


def _after(page: PageRequest) -> UUID | None:
    match page.after:
        case None:
            return None
        case [str() as key]:
            try:
                return UUID(key)
            except ValueError as error:
                raise BadCursor from error
    raise BadCursor


@router.get("/coverage-rules")
async def list_rules(
    caller: Reader,
    session: SessionDep,
    page: PageDep,
    station: StationQuery = None,
    block: Annotated[str | None, Query(max_length=60)] = None,
    kind: CoverageKind | None = None,
) -> Page[RuleOut]:
    """Coverage rules in the order they were made."""
    found = await service.list_rules(
        session,
        station_id=wanted_station(caller, station),
        block_id=None if block is None else read_single("blk", block),
        kind=kind,
        limit=page.limit + 1,
        after_id=_after(page),
    )
    kept = found[: page.limit]
    return Page[RuleOut](
        items=[_rule(*row) for row in kept],
        next_cursor=cursor_of(str(kept[-1][0].id)) if len(found) > page.limit else None,
    )


@router.post("/coverage-rules", status_code=201, response_model=RuleOut)
async def create_rule(
    _: Keeper, call: IdempotentDep, session: SessionDep, body: RuleIn
) -> Response:
    """Let a block serve a compound, a street or a polygon."""
    rule, block = await service.create_rule(
        session,
        block_id=read_single("blk", body.block),
        **body.model_dump(exclude={"block"}),
    )
    return await call.remember(session, 201, _rule(rule, block))


@router.patch("/coverage-rules/{rule}")
async def change_rule(
    rule: str, _: Keeper, session: SessionDep, clock: ClockDep, body: RuleChange
) -> RuleOut:
    """End a rule or move it in the round; addresses that have their block keep it."""
    changed = await service.change_rule(
        session,
        rule_id=read_single("cov", rule),
        today=clock.today(),
        to_date=body.to_date,
        first_stop_no=body.first_stop_no,
    )
    return _rule(*changed)


@router.post("/coverage/check", dependencies=[OPEN])
async def check_coverage(
    session: SessionDep, clock: ClockDep, body: CoverageCheckIn
) -> CoverageCheckOut:
    """Whether an address is served, by which station and block, from which date (S1 4.3.1)."""
    coverage = await service.check_coverage(session, building=body, on=clock.today())
    if coverage.verdict != "covered" or coverage.station_id is None or coverage.block_id is None:
        return CoverageCheckOut(
            verdict=coverage.verdict,
            station=None,
            station_name=None,
            block_code=None,
            first_possible_date=None,
            message=_NOT_COVERED[coverage.verdict],
        )
    station = await service.get_station(session, station_id=coverage.station_id)
    block = await service.get_block(session, block_id=coverage.block_id)
    first: date | None
    try:
        first = await service.first_open_date(
            session, station_id=station.id, now=clock.now(), lead_days=0
        )
    except NoOpenDay:
        first = None
    return CoverageCheckOut(
        verdict="covered",
        station=public_single("stn", station.id),
        station_name=station.name,
        block_code=block.code,
        first_possible_date=first,
        message=_covered(station.name, first),
    )


_NOT_COVERED = {
    "unclear": "您的地址需要人工确认，可以先下单，审核结果将以短信通知。",
    "uncovered": "抱歉，您的地址暂不在配送范围内。您仍可下单，未通过审核的订单将原路全额退款。",
}


def _covered(station: str, first: date | None) -> str:
    if first is None:
        return f"您的地址由{station}配送，目前暂无可选的起送日期。"
    return f"您的地址由{station}配送，最早可从{first.year}年{first.month}月{first.day}日起送。"
