"""What can go wrong in the morning."""

from app.core.errors import Conflict, InvalidInput, NotFound


class RouteUnknown(NotFound):
    """No such route on that date, or not the caller's."""

    code = "route_not_found"
    title = "没有找到该路线"


class PlanExceptionUnknown(NotFound):
    """No such line was set aside on that date, or not at the caller's station."""

    code = "plan_exception_not_found"
    title = "没有找到该异常"


class PlanExceptionResolved(Conflict):
    """Somebody has dealt with it."""

    code = "plan_exception_resolved"
    title = "该异常已处理"


class StillNotPlannable(Conflict):
    """What kept the line out of the plan is still so; facts carry the reason."""

    code = "still_not_plannable"
    title = "原因尚未消除，仍无法排入配送"


class DayNotPlanned(Conflict):
    """The station's day has no plan a line could join."""

    code = "day_not_planned"
    title = "该日尚未排定配送"


class WithdrawalUnknown(NotFound):
    """No such withdrawal, or not of the caller's station."""

    code = "withdrawal_not_found"
    title = "没有找到该停送"


class WithdrawalUndone(Conflict):
    """It has been undone already."""

    code = "withdrawal_undone"
    title = "该停送已撤销"


class WithdrawalBegun(Conflict):
    """The cut-off of its first day has passed: what was said to the households stands."""

    code = "withdrawal_begun"
    title = "停送首日已截单，不能撤销"


class WithdrawalCovered(Conflict):
    """Its whole station has been withdrawn since on a day of its; facts carry that withdrawal."""

    code = "withdrawal_covered"
    title = "其中有日期已另行全站停送，请先撤销那次停送"


class WithdrawalHitsNobody(Conflict):
    """Nobody gets anything of what is to be withdrawn, and it was not said to stand anyway."""

    code = "withdrawal_hits_nobody"
    title = "停送范围内没有任何配送"


class WithdrawalTooLong(InvalidInput):
    """The last day lies before the first, or too far behind it."""

    code = "withdrawal_too_long"
    title = "停送日期有误，一次最多31天"


class WithdrawalScopeUnknown(InvalidInput):
    """A station, block or product of the scope does not exist, or a block is of another station."""

    code = "withdrawal_scope_unknown"
    title = "停送范围中的奶站、区块或产品不存在"
