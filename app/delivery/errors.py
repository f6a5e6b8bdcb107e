"""What can go wrong in the morning."""

from app.core.errors import Conflict, NotFound


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
