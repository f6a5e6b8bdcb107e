"""What agents can fill in wrongly on a page."""

from app.core.errors import InvalidInput


class NothingSaid(InvalidInput):
    """A reply needs words of one's own or a template."""

    code = "nothing_said"
    title = "请填写内容，或选择一个答复模板"


class WordsMissing(InvalidInput):
    """An internal note is written in one's own words."""

    code = "words_missing"
    title = "请填写备注内容；答复模板只用于答复顾客"


class ScoreOrTries(InvalidInput):
    """A call-back reached the customer and has a score, or did not and says what was tried."""

    code = "score_or_tries"
    title = "已接通请选择满意度；未接通请写明尝试情况"


class AmountInvalid(InvalidInput):
    """An amount in yuan with at most two decimals."""

    code = "amount_invalid"
    title = "金额填写有误，请填写元，最多两位小数"


class GrantUnclear(InvalidInput):
    """A make-up needs its day and bottles, a credit its amount."""

    code = "grant_unclear"
    title = "补送请填写日期和瓶数，退款到余额请填写金额"


class SearchTooShort(InvalidInput):
    """A search compares whole numbers."""

    code = "search_too_short"
    title = "请输入完整的售后单号、订单号或手机号"


class BlockNotNamed(InvalidInput):
    """An approval names the block that brings the milk."""

    code = "block_not_named"
    title = "请选择配送区块"


class RejectionUnexplained(InvalidInput):
    """A rejection tells the customer why."""

    code = "rejection_unexplained"
    title = "请填写拒绝原因，顾客会收到短信"
