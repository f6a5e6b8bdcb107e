"""Statuses of a dealer's settlement statement, with their moves."""

from enum import StrEnum

from app.core.states import StateTable


class StatementState(StrEnum):
    """Life of one statement (结算单)."""

    DRAFT = "draft"
    """Recomputed whenever it is read."""
    ISSUED = "issued"
    SETTLED = "settled"
    DISCARDED = "discarded"


class LineKind(StrEnum):
    """What a line of a statement is about."""

    SHARE = "share"
    COMPENSATION = "compensation"
    CASH = "cash"


STATEMENT_LABELS = {
    StatementState.DRAFT: "草稿",
    StatementState.ISSUED: "已出具",
    StatementState.SETTLED: "已结清",
    StatementState.DISCARDED: "已作废",
}
LINE_LABELS = {
    LineKind.SHARE: "分成",
    LineKind.COMPENSATION: "顾客补偿",
    LineKind.CASH: "未缴现金",
}

STATEMENT_MOVES: StateTable[StatementState] = StateTable(
    {
        StatementState.DRAFT: frozenset({StatementState.ISSUED, StatementState.DISCARDED}),
        StatementState.ISSUED: frozenset({StatementState.SETTLED}),
    }
)
