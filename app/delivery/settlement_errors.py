"""What can go wrong with dealers' statements and the custody of prepaid money."""

from app.core.errors import Conflict, InvalidInput, NotFound


class StatementUnknown(NotFound):
    """No such statement."""

    code = "statement_not_found"
    title = "没有找到该结算单"


class StatementPeriodInvalid(InvalidInput):
    """The last day lies before the first, or the period is longer than a quarter."""

    code = "statement_period_invalid"
    title = "结算期间填写有误，最长93天"


class StatementOverlaps(Conflict):
    """The dealer has a statement about some of these days."""

    code = "statement_overlaps"
    title = "该经销商在此期间已有结算单"


class StatementOutOfOrder(Conflict):
    """Statements follow each other day on day; facts say which day is next."""

    code = "statement_out_of_order"
    title = "结算期间须与上一期结算单相连"


class StatementPeriodNotOver(Conflict):
    """The period's last day is not over."""

    code = "statement_period_not_over"
    title = "结算期间尚未结束"


class RevenueNotPosted(Conflict):
    """Some days of the dealer's stations are not posted as revenue; facts say how many."""

    code = "revenue_not_posted"
    title = "部分日期的配送收入尚未入账，请稍后再试"


class DealerTermMissing(Conflict):
    """No term of the dealer is in force on some day; facts name the first."""

    code = "dealer_term_missing"
    title = "该经销商在部分日期没有分成约定"


class SecondPersonNeeded(Conflict):
    """Whoever issued a statement does not settle it."""

    code = "statement_second_person"
    title = "出具人不能确认结清，请由另一位同事操作"


class BankDateInvalid(InvalidInput):
    """The bank's date lies ahead, or before the statement was issued."""

    code = "bank_date_invalid"
    title = "银行日期须在出具日之后且不晚于今天"
