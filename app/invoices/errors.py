"""What can go wrong with invoices."""

from app.core.errors import Conflict, InvalidInput, NotFound


class InvoiceUnknown(NotFound):
    """No such request for this caller."""

    code = "invoice_unknown"
    title = "没有找到这张发票"


class BatchUnknown(NotFound):
    """No such batch."""

    code = "invoice_batch_unknown"
    title = "没有找到这个开票批次"


class TaxNumberWrong(InvalidInput):
    """The tax number has a wrong length, letter or check digit."""

    code = "tax_number_wrong"
    title = "纳税人识别号有误，请核对"


class TitleIncomplete(InvalidInput):
    """A company needs its tax number, a person has none."""

    code = "invoice_title_incomplete"
    title = "单位抬头须填写纳税人识别号，个人抬头不填"


class OrderNotConfirmed(Conflict):
    """The order has not passed its review; its money may still go back as a whole."""

    code = "order_not_confirmed"
    title = "订单审核通过后才能申请发票"


class AmountAboveRest(Conflict):
    """More than what is paid, not given back and not asked for yet; facts carry `rest_fen`."""

    code = "invoice_amount_above_rest"
    title = "超过可开票金额"


class VatRateMissing(Conflict):
    """A product of the order has no VAT rate today; facts carry its name."""

    code = "vat_rate_missing"
    title = "商品未设置税率，暂时不能开票，请联系客服"


class NothingToExport(Conflict):
    """No request waits that may be handed to the provider."""

    code = "nothing_to_export"
    title = "没有待导出的开票申请"


class InvoiceNumberTaken(Conflict):
    """The number stands on another invoice."""

    code = "invoice_number_taken"
    title = "发票号码已用于另一张发票"


class IssuedOtherwise(Conflict):
    """The invoice is issued already, under another number."""

    code = "invoice_issued_otherwise"
    title = "这张发票已用另一个号码开具"


class AnswerFileUnreadable(InvalidInput):
    """The provider's file is no table we can read; the detail says why."""

    code = "answer_file_unreadable"
    title = "文件读不出来"
