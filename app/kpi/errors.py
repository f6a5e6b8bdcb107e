"""What can be wrong with a question about KPIs."""

from app.core.errors import Conflict, InvalidInput, NotFound


class BadScope(InvalidInput):
    """Not `operator`, `city:…`, `station:stn_…`, `block:blk_…` or `deliverer:dlv_…`."""

    code = "bad_scope"
    title = "统计范围无效"


class BadPeriod(InvalidInput):
    """The period is backwards, longer than 400 days or outside of 2000-2100."""

    code = "bad_period"
    title = "统计期间无效，最长400天"


class KpiUnknown(NotFound):
    """No KPI has this key."""

    code = "kpi_unknown"
    title = "没有这项指标"


class BadTarget(InvalidInput):
    """A percentage above 100."""

    code = "bad_target"
    title = "目标值无效"


class TargetInThePast(InvalidInput):
    """A target is set from today on: what was judged stays judged."""

    code = "target_in_the_past"
    title = "目标只能从今天或以后开始生效"


class TargetChangedMeanwhile(Conflict):
    """Another change of the same target came first."""

    code = "target_changed_meanwhile"
    title = "目标刚被他人修改，请刷新后重试"
