"""What can go wrong with money."""

from app.core.errors import Conflict, InvalidInput, NotAuthenticated, NotFound, Unavailable


class PaymentUnknown(NotFound):
    """No such payment for this caller."""

    code = "payment_unknown"
    title = "没有找到这笔支付"


class RefundUnknown(NotFound):
    """No such refund for this caller."""

    code = "refund_unknown"
    title = "没有找到这笔退款"


class DateNotBegun(InvalidInput):
    """The books of a coming day cannot be read."""

    code = "date_not_begun"
    title = "该日期尚未开始"


class ChannelNotConfigured(Unavailable):
    """This installation has no account at the channel."""

    code = "channel_not_configured"
    title = "暂未开通该支付方式"


class PayerMissing(InvalidInput):
    """The way of paying needs to know the payer: an openid (jsapi) or an address (h5)."""

    code = "payer_missing"
    title = "缺少付款人信息"


class PaymentMethodUnknown(InvalidInput):
    """Not a way of paying at this channel."""

    code = "payment_method_unknown"
    title = "不支持的支付方式"


class PaymentNotCaptured(Conflict):
    """Only captured money can go back."""

    code = "payment_not_captured"
    title = "该笔支付尚未到账"


class RefundExceedsPaid(Conflict):
    """More than what is left of the captured payments; facts carry `refundable_fen`."""

    code = "refund_exceeds_paid"
    title = "退款金额超过可退金额"


class SecondPersonNeeded(Conflict):
    """Who asked for a refund may not approve it."""

    code = "second_person_needed"
    title = "申请人不能审批自己的退款"


class CashAboveLimit(Conflict):
    """More than a member of staff may hand over before finance has approved it."""

    code = "cash_above_limit"
    title = "超过可直接退还的金额，请先由财务审批"


class CashNotInHand(Conflict):
    """The deliverer holds less cash than is to be handed over."""

    code = "cash_not_in_hand"
    title = "手中现金不足，请由奶站或财务付款"


class NotPaidOutByHand(Conflict):
    """A refund of this channel is paid out by the channel, not by hand."""

    code = "not_paid_out_by_hand"
    title = "该退款由支付渠道原路退回"


class NothingToResolve(Conflict):
    """The refund is on its ordinary way; by hand only abnormal, closed or too old ones."""

    code = "nothing_to_resolve"
    title = "该退款仍可原路退回，不能人工处理"


class ReceiptNumberTaken(Conflict):
    """The receipt number stands on another payment."""

    code = "receipt_number_taken"
    title = "收据编号已被使用"


class PosSlipTaken(Conflict):
    """The POS slip (merchant, terminal, batch, trace) stands on another payment."""

    code = "pos_slip_taken"
    title = "该POS签购单已登记"


class PosSlipInvalid(InvalidInput):
    """The POS slip is missing, malformed, or carries a full card number."""

    code = "pos_slip_invalid"
    title = "POS签购单信息有误"


class PaymentIdTaken(Conflict):
    """The client-made payment id was used for another payment."""

    code = "payment_id_taken"
    title = "支付编号已用于另一笔收款"


class NotificationMalformed(InvalidInput):
    """Not a notification of this channel."""

    code = "notification_malformed"
    title = "通知格式有误"


class NotificationNotGenuine(NotAuthenticated):
    """Bad signature, unknown key, stale time stamp or a text that does not decrypt."""

    code = "notification_not_genuine"
    title = "通知验签未通过"


class SignatureProbe(NotificationNotGenuine):
    """The channel's own test signature, which must be refused and means nothing."""

    code = "signature_probe"


class NotificationOfStranger(NotFound):
    """Genuine, but about a number that is not ours."""

    code = "notification_of_stranger"
    title = "商户单号不存在"

    def __init__(self, number: str) -> None:
        super().__init__(number=number)
        self.number = number


class FactsDiffer(Conflict):
    """Genuine, but merchant, app, number, amount or currency are not those we asked for."""

    code = "facts_differ"
    title = "通知内容与订单不一致"

    def __init__(self, number: str, *, differing: list[str]) -> None:
        super().__init__(number=number, differing=differing)
        self.number = number
        self.differing = differing


class BillUnknown(NotFound):
    """No such bill of a channel."""

    code = "bill_unknown"
    title = "没有找到这份渠道账单"


class DifferenceUnknown(NotFound):
    """No such difference on this bill."""

    code = "difference_unknown"
    title = "没有找到这条对账差异"


class BillNotReady(Conflict):
    """The channel makes a day's bill on the next morning; facts carry `ready_at`."""

    code = "bill_not_ready"
    title = "账单在次日上午10点后生成，请稍后再试"


class BillTooOld(Conflict):
    """The channel keeps bills for three months; an older one comes as a file."""

    code = "bill_too_old"
    title = "渠道只保留近三个月的账单，请改用文件导入"


class BillComesAsFile(Conflict):
    """Nobody can be asked for the bills of this channel: finance brings the file."""

    code = "bill_comes_as_file"
    title = "该渠道的账单无法自动下载，请导入对账文件"


class BillMerchantMissing(InvalidInput):
    """The bill of a channel without an account of its own here must name the merchant."""

    code = "bill_merchant_missing"
    title = "请填写对账文件所属的商户编号"


class BillFileMalformed(InvalidInput):
    """Not a bill of trades of its channel, or not a whole one; facts say what is wrong."""

    code = "bill_file_malformed"
    title = "不是该渠道完整的交易账单文件"

    def __init__(self, what: str) -> None:
        super().__init__(what=what)
        self.what = what


class DifferenceGone(Conflict):
    """Both sides agree by now: there is nothing to work on."""

    code = "difference_gone"
    title = "双方已相符，无需处理"
