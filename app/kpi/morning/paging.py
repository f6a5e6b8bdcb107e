"""Blocks of a board by page: sorted, filtered by risk, stable while the morning moves on."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from app.kpi.morning.reading import BlockRow, Board
from app.kpi.morning.rules import Risk

BlockPlace = tuple[int, str, str]
"""Where a page ends: rank, name, block."""


class BlockSort(StrEnum):
    """What blocks are sorted by."""

    RISK = "risk"
    SHARE = "share"
    OPEN = "open"
    CODE = "code"
    STATION = "station"


@dataclass(frozen=True, slots=True)
class BlockPage:
    """A page of blocks and where the next begins."""

    rows: list[BlockRow]
    next_place: BlockPlace | None


def page_of_blocks(
    board: Board,
    *,
    sort: BlockSort,
    risks: Collection[Risk],
    limit: int,
    after: BlockPlace | None,
) -> BlockPage:
    """Blocks after a place; `risks` keeps those with any of them, none keeps all."""
    keyed = sorted(
        (
            (_place(row, sort), row)
            for row in board.rows
            if not risks or not set(risks).isdisjoint(row.outlook.risks)
        ),
        key=lambda pair: pair[0],
    )
    rest = [pair for pair in keyed if after is None or pair[0] > after]
    chosen = rest[:limit]
    return BlockPage(
        rows=[row for _, row in chosen],
        next_place=chosen[-1][0] if len(rest) > limit else None,
    )


def _place(row: BlockRow, sort: BlockSort) -> BlockPlace:
    block = str(row.block_id)
    match sort:
        case BlockSort.RISK:
            return -row.outlook.at_risk, row.code, block
        case BlockSort.SHARE:
            due = row.counts.due
            return (row.counts.on_time * 1_000_000 // due if due else 1_000_000), row.code, block
        case BlockSort.OPEN:
            return -row.counts.still_open, row.code, block
        case BlockSort.STATION:
            return 0, f"{row.station_name} {row.code}", block
        case BlockSort.CODE:
            return 0, row.code, block
