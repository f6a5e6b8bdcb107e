"""What finance can fill in wrongly on a page."""

from app.core.errors import InvalidInput


class NothingFound(InvalidInput):
    """No order and no customer goes by that."""

    code = "nothing_found"
    title = "没有找到顾客，请核对完整的订单号或手机号"


class BadPeriod(InvalidInput):
    """The first day comes after the last, or is no day."""

    code = "bad_period"
    title = "日期有误，开始日期不能晚于结束日期"


class AmountWrong(InvalidInput):
    """No amount in yuan, or one that is not whole in fen."""

    code = "amount_wrong"
    title = "金额有误，请填写元，最多两位小数"
