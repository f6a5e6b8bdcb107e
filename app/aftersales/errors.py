"""What can go wrong with a ticket."""

from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound


class CustomerNotNamed(InvalidInput):
    """An agent files for a customer and names him by nothing, or by several things."""

    code = "customer_not_named"
    title = "请用手机号或订单指明一位顾客"


class ChannelNotYours(InvalidInput):
    """A customer files on web, app or WeChat; the other channels are written down by staff."""

    code = "channel_not_yours"
    title = "该受理渠道只能由客服登记"


class TicketFinished(Conflict):
    """The ticket is closed or merged: nothing is added; it can be reopened when closed."""

    code = "ticket_finished"
    title = "售后单已结束，如有需要请重新打开"


class LateReasonMissing(InvalidInput):
    """Past the promise or past 24 hours: resolving needs the reason (S1 4.5.2.2, "一般情况下")."""

    code = "late_reason_missing"
    title = "已超过处理时限，请填写逾期原因"


class TicketChanged(Conflict):
    """Somebody acted on the ticket since the caller read it.

    Facts: `version`, `changed_by` (login, or `customer`), `changed_at`, `act`, `act_label`.
    """

    code = "ticket_changed"
    title = "该售后单刚被他人更新，请刷新后再操作"


class NotInTeam(InvalidInput):
    """The person named does not belong to the team named."""

    code = "not_in_team"
    title = "该客服不在所选小组"


class NothingToClassify(InvalidInput):
    """The classification asked for is the one the ticket has; or an urgent one is no emergency."""

    code = "nothing_to_classify"
    title = "分类没有变化；紧急问题只能按紧急方式处理"


class RuleUnknown(NotFound):
    """No such SLA rule."""

    code = "sla_rule_unknown"
    title = "没有找到时限规则"


class RuleDateInvalid(InvalidInput):
    """A rule begins at most 31 days ago and at most two years ahead."""

    code = "sla_rule_date_invalid"
    title = "生效日期须在过去31天至未来两年之内"


class RuleChangedMeanwhile(Conflict):
    """Another change of the same rule came first."""

    code = "sla_rule_changed"
    title = "时限规则刚被他人修改，请刷新后再试"


class RuleIsCommon(Conflict):
    """The rule for all customers is replaced, never taken away."""

    code = "sla_rule_is_common"
    title = "通用规则不能取消，只能用新规则替换"


class LevelsInvalid(InvalidInput):
    """Levels are numbered 1, 2, … and each comes later than the one before."""

    code = "sla_levels_invalid"
    title = "升级级别须从1开始连续编号，且逐级推后"


class CalendarUnknown(NotFound):
    """No such service calendar."""

    code = "calendar_unknown"
    title = "没有找到服务日历"


class CalendarNameTaken(Conflict):
    """Another calendar has this name."""

    code = "calendar_name_taken"
    title = "已有同名的服务日历"


class CalendarHardlyOpen(InvalidInput):
    """Two years of the calendar hold less open time than a promise needs."""

    code = "calendar_hardly_open"
    title = "服务日历的开放时间过少，无法计算时限"


class TemplateUnknown(NotFound):
    """No such answer template."""

    code = "template_unknown"
    title = "没有找到答复模板"


class TemplateTitleTaken(Conflict):
    """Another template has this title."""

    code = "template_title_taken"
    title = "已有同名的答复模板"


class TemplateInactive(Conflict):
    """The template was taken out of use."""

    code = "template_inactive"
    title = "该模板已停用"


class PlaceholderUnknown(InvalidInput):
    """A text names something nobody can fill in. Facts: `unknown`, `known`."""

    code = "placeholder_unknown"
    title = "模板中有无法识别的占位符"


class PlaceholderEmpty(InvalidInput):
    """The ticket does not say what a placeholder asks for. Facts: `missing`."""

    code = "placeholder_empty"
    title = "该售后单缺少模板所需的信息，请改用其他模板"


class LinkOvertaken(Conflict):
    """The ticket has moved on since the link was sent. Facts: `status`."""

    code = "link_overtaken"
    title = "该售后单已有新的进展，此链接不再有效"


class ScoreNotAsked(InvalidInput):
    """A score belongs to a confirmation that closes; here a call-back follows."""

    code = "score_not_asked"
    title = "稍后将有客服回访，此处无需评分"


class ScoreMissing(InvalidInput):
    """This confirmation closes the ticket and needs a score of 1 to 5."""

    code = "score_missing"
    title = "请为本次处理评分"


class NotADuplicate(Conflict):
    """Only a ticket of the same kind that was received first and still lives takes a duplicate."""

    code = "not_a_duplicate"
    title = "只能并入同一顾客更早、同类且未关闭的售后单"


class AssigneeUnknown(InvalidInput):
    """No active member of the service desk has this login."""

    code = "assignee_unknown"
    title = "没有这位客服人员"


class CreditAboveLimit(Forbidden):
    """Above what an agent grants alone; a manager may. Facts: `limit_fen`."""

    code = "credit_above_limit"
    title = "超出客服补偿额度，请由经理办理"


class MakeUpNeedsLine(InvalidInput):
    """Neither the request nor the ticket says which order line a make-up belongs to."""

    code = "make_up_needs_line"
    title = "请指明补送的订单明细"


class NothingToRate(Conflict):
    """Nothing was brought on that day yet."""

    code = "nothing_to_rate"
    title = "当天还没有可评价的配送"


class AlreadyRated(Conflict):
    """One rating per stop."""

    code = "already_rated"
    title = "这次配送已经评价过了"
