"""The morning as a page shows it: gauge, curve, blocks at risk, the parts one level down."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.core.ids import public_single
from app.kpi.definitions import ScopeKind
from app.kpi.morning.cash import CashPart, cash_parts, total_fen
from app.kpi.morning.reading import BlockRow, Board, Part
from app.kpi.morning.rules import limit_of
from app.kpi.scopes import Scope
from app.web.common.templating import environment
from app.web.manager import charts
from app.web.manager.asking import Asked
from app.web.manager.words import plain_text, reasons_of

RISKS_SHOWN = 8
PARTS_SHOWN = 24
_LEVELS = {
    ScopeKind.OPERATOR: "城市",
    ScopeKind.CITY: "奶站",
    ScopeKind.STATION: "区块",
    ScopeKind.BLOCK: "区块",
    ScopeKind.DELIVERER: "区块",
}
_CASH_LEVELS = {
    ScopeKind.OPERATOR: "城市",
    ScopeKind.CITY: "奶站",
    ScopeKind.STATION: "送奶员",
    ScopeKind.BLOCK: "送奶员",
    ScopeKind.DELIVERER: "区块",
}


@dataclass(frozen=True, slots=True)
class AtRisk:
    """A block that may miss 07:00, and why."""

    row: BlockRow
    scope: str
    public_id: str
    reasons: list[tuple[str, str, str]]
    """Name, kind of pill, and the same with its numbers."""


def outlook_text(
    whole: Part, *, target: Decimal, now: datetime, limit_at: datetime
) -> tuple[str, str]:
    """What is to be said of the morning in a few words, and the kind of pill."""
    counts = whole.counts
    share, expected = counts.share, whole.projected_share
    if share is None:
        return "没有应送户次", "idle"
    if now >= limit_at:
        if share >= target:
            return "已达标", "ok"
        short = plain_text(target - share)
        if counts.still_open:
            return f"差 {short} 个百分点，{counts.still_open:,} 户未确认", "bad"
        return f"未达标，差 {short} 个百分点", "bad"
    if expected is None:
        return "尚无法推算7点结果", "info"
    if expected >= target:
        return "预计7点达标", "ok"
    return f"预计7点差 {plain_text(target - expected)} 个百分点", "warn"


def at_risk(row: BlockRow, *, limit_at: datetime, now: datetime) -> AtRisk:
    """A block's reasons in words."""
    public_id = public_single("blk", row.block_id)
    return AtRisk(
        row=row,
        scope=f"block:{public_id}",
        public_id=public_id,
        reasons=reasons_of(row, limit_at=limit_at, now=now),
    )


def parts_of(board: Board) -> tuple[str, list[Part]]:
    """One level down and what it is called; an operator with one city sees its stations at once."""
    shown = _level_of(board, {row.city_code for row in board.rows})
    return _LEVELS[shown.kind], board.narrowed(shown).parts()


def cash_of(board: Board) -> tuple[str, Sequence[CashPart]]:
    """Who or where cash came from, and what that is called."""
    shown = _level_of(board, {taken.city_code for taken in board.cash})
    return _CASH_LEVELS[shown.kind], cash_parts(shown, board.cash)


def _level_of(board: Board, cities: Collection[str | None]) -> Scope:
    if board.scope.kind is not ScopeKind.OPERATOR or len(cities) != 1:
        return board.scope
    (city,) = cities
    return board.scope if city is None else Scope(ScopeKind.CITY, city_code=city)


def morning_values(board: Board, *, may_dispatch: bool, carried: str) -> dict[str, Any]:
    """What the morning's templates need; `carried` goes along in their addresses."""
    limit_at, whole = limit_of(board.service_date), board.whole
    risky = [row for row in board.rows if row.outlook.risks]
    level, parts = parts_of(board)
    cash_level, cash = cash_of(board)
    points = board.curve()
    projected = whole.projected_share if board.as_of < limit_at else None
    verdict, kind = outlook_text(whole, target=board.target, now=board.as_of, limit_at=limit_at)
    return {
        "board": board,
        "whole": whole,
        "counts": whole.counts,
        "points": points,
        "chart": charts.day_curve(
            points,
            limit_at=limit_at,
            now=board.as_of,
            target=board.target,
            projected=projected,
        ),
        "projected": projected,
        "target_tick": charts.gauge_tick(board.target),
        "target_text": plain_text(board.target),
        "verdict": verdict,
        "verdict_kind": kind,
        "risky": [at_risk(row, limit_at=limit_at, now=board.as_of) for row in risky[:RISKS_SHOWN]],
        "risky_count": len(risky),
        "parts": parts[:PARTS_SHOWN],
        "parts_count": len(parts),
        "parts_level": level,
        "cash_fen": total_fen(board.cash),
        "cash": cash[:PARTS_SHOWN],
        "cash_level": cash_level,
        "cash_more": max(len(cash) - PARTS_SHOWN, 0),
        "may_dispatch": may_dispatch,
        "carried": carried,
    }


@dataclass(frozen=True, slots=True)
class LiveRender:
    """The parts of the page that move, as HTMX partials; one for all viewers who see the same."""

    may_dispatch: bool
    carried: str

    def __call__(self, board: Board) -> str:
        """The text of one event."""
        values: Mapping[str, Any] = morning_values(
            board, may_dispatch=self.may_dispatch, carried=self.carried
        )
        return environment().get_template("manager/live.html").render(values)


def carried_by(asked: Asked) -> str:
    """The period, for addresses of other scopes."""
    return asked.query(scope=None)
