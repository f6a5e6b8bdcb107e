"""States of a finding and the moves between them."""

from enum import StrEnum

from app.core.states import StateTable


class FindingState(StrEnum):
    """Life of a finding; `done` waits for somebody to look whether it helped."""

    OPEN = "open"
    ACTING = "acting"
    DONE = "done"
    CLOSED = "closed"
    DROPPED = "dropped"


FINDING_LABELS = {
    FindingState.OPEN: "待整改",
    FindingState.ACTING: "整改中",
    FindingState.DONE: "已整改，待验证",
    FindingState.CLOSED: "已关闭",
    FindingState.DROPPED: "已作废",
}

FINDING_MOVES: StateTable[FindingState] = StateTable(
    {
        FindingState.OPEN: frozenset(
            {FindingState.ACTING, FindingState.DONE, FindingState.DROPPED}
        ),
        FindingState.ACTING: frozenset({FindingState.DONE, FindingState.DROPPED}),
        FindingState.DONE: frozenset({FindingState.ACTING, FindingState.CLOSED}),
    }
)
VERIFIED = frozenset({FindingState.CLOSED, FindingState.DROPPED})
"""States only manager and quality may move a finding to: nobody verifies his own work."""
