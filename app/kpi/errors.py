"""What can be wrong with a question about KPIs."""

from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound


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


class TargetNotMissed(Conflict):
    """The KPI meets its target in this period, or has no data: there is nothing to act on."""

    code = "target_not_missed"
    title = "该指标在此期间已达标或无数据，无需登记"


class FindingOpen(Conflict):
    """The same KPI, scope and period has a finding that is not closed yet. Facts: `finding_id`."""

    code = "finding_open"
    title = "该指标在此期间已有未关闭的整改记录"


class FindingUnknown(NotFound):
    """No finding has this id, or none the caller sees."""

    code = "finding_unknown"
    title = "没有这条整改记录"


class NothingChanged(InvalidInput):
    """The change names no field and no state."""

    code = "nothing_changed"
    title = "没有要修改的内容"


class VerifiedByOthers(Forbidden):
    """Closing and dropping is for manager and quality."""

    code = "verified_by_others"
    title = "关闭或作废须由运营经理或品控办理"


class BadMonth(InvalidInput):
    """Not a month as `2026-03`, or outside of 2000-2100."""

    code = "bad_month"
    title = "月份无效，应如 2026-03"


class MonthNotOver(Conflict):
    """A month is closed after its last day. Facts: `closable_from`."""

    code = "month_not_over"
    title = "本月尚未结束，不能关账"


class MonthClosed(Conflict):
    """The month has been closed: its figures stand. Facts: `closed_at`."""

    code = "month_closed"
    title = "该月已关账，不能重复关账"


class MonthUnknown(NotFound):
    """The month has not been closed."""

    code = "month_unknown"
    title = "该月尚未关账"
