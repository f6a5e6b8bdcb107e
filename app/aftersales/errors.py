"""What can go wrong with a ticket."""

from app.core.errors import Conflict, Forbidden, InvalidInput


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
    """The handling clock has run out: resolving needs the reason (S1 4.5.2.2, "一般情况下")."""

    code = "late_reason_missing"
    title = "已超过24小时，请填写逾期原因"


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
