"""What can go wrong with an order."""

from app.core.errors import Conflict, Forbidden, InvalidInput, NotFound, Unavailable


class OrderUnknown(NotFound):
    """No such order, or not the caller's."""

    code = "order_not_found"
    title = "没有找到该订单"


class AgreementOutdated(Conflict):
    """The accepted agreement is not the one in force; facts carry the current version."""

    code = "agreement_outdated"
    title = "订奶协议已更新，请阅读并同意新版本"


class AgreementMissing(Unavailable):
    """No order agreement is in force: one must be published before orders are taken."""

    code = "agreement_missing"
    title = "尚未发布订奶协议，暂不能下单"


class AgreementVersionTaken(Conflict):
    """This version has been published; versions are never edited."""

    code = "agreement_version_taken"
    title = "该版本的订奶协议已发布"


class StartTooEarly(Conflict):
    """The wished start cannot be kept; facts carry the first possible date."""

    code = "start_too_early"
    title = "起送日期太早"


class StartTooLate(InvalidInput):
    """The wished start is too far away."""

    code = "start_too_late"
    title = "起送日期太远"


class PatternInvalid(InvalidInput):
    """The delivery pattern brings nothing or is contradictory."""

    code = "pattern_invalid"
    title = "配送模式填写有误"


class AmountTooLarge(InvalidInput):
    """More bottles or money than one order may hold."""

    code = "order_too_large"
    title = "订购数量过大"


class OrderNotPayable(Conflict):
    """The order does not wait for a payment."""

    code = "order_not_payable"
    title = "该订单当前不需要付款"


class OrderNotChangeable(Conflict):
    """The order is not being delivered."""

    code = "order_not_changeable"
    title = "该订单当前不能修改"


class OrderFinished(OrderNotChangeable):
    """The order is over: completed, cancelled, rejected or expired. Facts: status."""

    code = "order_finished"
    title = "该订单已结束，不能修改"


class ChangeTooEarly(Conflict):
    """The change wants a day that can no longer be changed; facts: first_possible_date."""

    code = "change_too_early"
    title = "该日期已过修改截止时间"


class DayFrozen(ChangeTooEarly):
    """The wished day is frozen or its cut-off has passed; facts: first_possible_date."""

    code = "day_frozen"
    title = "该日期已截单，配送计划已确定"


class NothingToChange(Conflict):
    """The change would have no effect."""

    code = "nothing_to_change"
    title = "所选日期没有可修改的配送"


class PreviewInvalid(InvalidInput):
    """The preview token is not ours, is of another order, or has expired."""

    code = "preview_invalid"
    title = "预览已失效，请重新预览"


class PreviewOutdated(Conflict):
    """Things changed since the preview; nothing was done."""

    code = "preview_outdated"
    title = "情况已变化，请重新预览"


class RefundOnMarketplace(Conflict):
    """The order was paid on a marketplace: its refund, and with it its end, is asked for there."""

    code = "refund_on_marketplace"
    title = "该订单在第三方平台付款，请在原平台申请退款；平台退款后我们会自动停送"


class NoReviewWaiting(Conflict):
    """The order does not wait for a reviewer."""

    code = "no_review_waiting"
    title = "该订单不在待审核状态"


class NotServedByDeliverer(Conflict):
    """The deliverer has no block to put the household into."""

    code = "not_served_by_deliverer"
    title = "送奶员没有可用的配送区块"


class OrdersRunning(Conflict):
    """The account cannot be closed while orders run."""

    code = "orders_running"
    title = "还有进行中的订单，暂不能注销"


class AgreementNotAccepted(Conflict):
    """A phone order whose caller has not accepted the agreement yet: nothing is paid before."""

    code = "agreement_not_accepted"
    title = "请先阅读并同意订奶协议"


class OrderNotAgreed(Conflict):
    """Nobody has accepted an agreement for the order: not yet, or it came from a paper book."""

    code = "order_not_agreed"
    title = "该订单没有已同意的订奶协议"


class OperatorUnnamed(Unavailable):
    """The operator's name is not set: an agreement without a party is none."""

    code = "operator_unnamed"
    title = "尚未设置经营者名称，暂不能出具订奶协议"


class LinkLimitReached(Conflict):
    """The order's link was sent as often as it may be. Facts: `limit`."""

    code = "link_limit_reached"
    title = "该订单的短信链接发送次数已达上限"


class AddressNotNamed(InvalidInput):
    """The address is not one of this caller's."""

    code = "address_not_named"
    title = "该地址不属于来电顾客"


class WindowTooEarly(InvalidInput):
    """A payment window begins today at the earliest."""

    code = "window_too_early"
    title = "生效日期不能早于今天"


class WindowChangedMeanwhile(Conflict):
    """Another change of the payment window came first."""

    code = "window_changed"
    title = "付款时限刚被他人修改，请刷新后再试"


class PromotionForbids(Conflict):
    """The promotion a line was bought under does not allow the change; facts carry its rule."""

    code = "promotion_forbids"
    title = "该产品为促销订购，不支持此项变更"


class FaultNotYours(Forbidden):
    """Because of whom an order ends is said by staff."""

    code = "fault_not_yours"
    title = "退订责任由客服认定，请联系客服"


class PolicyTooEarly(InvalidInput):
    """A policy begins tomorrow at the earliest: what was bought keeps its own."""

    code = "policy_too_early"
    title = "生效日期最早为明天"


class PolicyChangedMeanwhile(Conflict):
    """Another change of the policies came first."""

    code = "policy_changed"
    title = "退订规则刚被他人修改，请刷新后再试"


class RenewalExists(Conflict):
    """The order has been renewed already: the renewal itself may be renewed."""

    code = "renewal_exists"
    title = "该订单已续订，请勿重复续订"


class EndUnknown(Conflict):
    """The order is paused without an end: nobody knows where a renewal would begin."""

    code = "end_unknown"
    title = "该订单处于不限期停奶中，请先恢复出奶再续订"


class ChangeUnknown(NotFound):
    """No such change of this order."""

    code = "change_not_found"
    title = "没有找到该变更"


class AddressMissing(InvalidInput):
    """A move that names no address."""

    code = "address_missing"
    title = "请选择新的送奶地址"


class SameAddress(Conflict):
    """The order is brought to this address already."""

    code = "same_address"
    title = "新地址与当前送奶地址相同"


class OtherCity(Conflict):
    """The new address lies in another city: order anew there. Facts: `city_code` of the present."""

    code = "other_city"
    title = "暂不支持跨城市搬家，请在新城市重新下单，原订单可退订"


class MoveWaits(Conflict):
    """A move of this order waits for a reviewer: it is decided or taken back first."""

    code = "move_waiting"
    title = "该订单已有一次搬家正在审核，请等待结果或先撤销"


class MoveAhead(Conflict):
    """An approved move has not begun yet: it is taken back first. Facts: `from_date`."""

    code = "move_ahead"
    title = "该订单已有一次搬家尚未开始，如需更改请先撤销"


class KindNotRecordable(InvalidInput):
    """A deliverer does not write down changes of this kind. Facts: `kind`."""

    code = "kind_not_recordable"
    title = "送奶员不能记录这类变更"


class ChangeNotWaiting(Conflict):
    """The change does not wait for the household's word (any more). Facts: `status`."""

    code = "change_not_waiting"
    title = "该变更已不在待确认状态"


class LineNotNamed(InvalidInput):
    """The order has several lines: the change must say which one."""

    code = "line_not_named"
    title = "该订单有多个产品，请选择要修改的产品"


class LineUnknown(NotFound):
    """The order has no such line."""

    code = "line_not_found"
    title = "该订单没有这个产品明细"


class PauseOverlaps(Conflict):
    """A pause already holds on some of the days; facts: first_date, last_date of that pause."""

    code = "pause_overlaps"
    title = "所选日期与已有的停奶重叠"


class PauseNeedsEnd(InvalidInput):
    """What a pause credits is known only when its last day is."""

    code = "pause_needs_end"
    title = "不限期停奶只能顺延，不能折算到余额"


class SameProduct(Conflict):
    """The line brings this product already."""

    code = "same_product"
    title = "所选产品与当前产品相同"


class QuantityOutOfRange(InvalidInput):
    """Not between 1 and what is left, 99 at most; facts: least, most."""

    code = "quantity_out_of_range"
    title = "数量超出可修改的范围"


class ChangeNotUndoable(Conflict):
    """The change has not happened, was undone already, or is of a kind that is final."""

    code = "change_not_undoable"
    title = "该变更不能撤销"


class ChangeBuiltUpon(Conflict):
    """Something later stands on the change: that must be undone first."""

    code = "change_built_upon"
    title = "该变更之后订单又有变化，不能撤销"


class UndoTooLate(Conflict):
    """The change has begun: its first day is frozen or its cut-off has passed."""

    code = "undo_too_late"
    title = "该变更已生效或已截单，不能撤销"


class ChangeNotPayable(Conflict):
    """The change does not wait for a payment (any more)."""

    code = "change_not_payable"
    title = "该变更当前不需要付款"
