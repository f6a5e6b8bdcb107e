"""What can go wrong with cash on its way to the bank."""

from app.core.errors import Conflict, InvalidInput, NotFound


class HandInUnknown(NotFound):
    """No such hand-in for this caller."""

    code = "hand_in_unknown"
    title = "没有找到这张交款单"


class BankDepositUnknown(NotFound):
    """No such bank deposit for this caller."""

    code = "bank_deposit_unknown"
    title = "没有找到这笔存款"


class RemittanceUnknown(NotFound):
    """No such remittance for this caller."""

    code = "remittance_unknown"
    title = "没有找到这张上缴单"


class FloatIsLess(Conflict):
    """More float is to be taken back than the deliverer has; facts carry `float_fen`."""

    code = "float_is_less"
    title = "收回金额超过该送奶员的备用金"


class DelivererHoldsLess(Conflict):
    """More is to be handed in than the deliverer holds by the books beside his float.

    Facts carry `held_fen` and `float_fen`.
    """

    code = "deliverer_holds_less"
    title = "交款金额超过系统记录的手中现金，请刷新后重新核对"


class StationHoldsLess(Conflict):
    """More is to leave the station's cash than is in it; facts carry `held_fen`."""

    code = "station_holds_less"
    title = "奶站库存现金不足"


class NothingHandedIn(InvalidInput):
    """Neither the books nor the count say anything."""

    code = "nothing_handed_in"
    title = "交款金额不能为零"


class DifferenceReasonMissing(InvalidInput):
    """Counted is not what the books say, and nobody said why."""

    code = "difference_reason_missing"
    title = "实点金额与系统金额不一致，请填写原因"


class HandInWaits(Conflict):
    """Another hand-in of this deliverer waits for its second person."""

    code = "hand_in_waits"
    title = "该送奶员有待复核的交款单，请先处理"


class AnotherPersonNeeded(Conflict):
    """Who handed in or counted may not do this as well."""

    code = "another_person_needed"
    title = "需由另一人办理"


class HandInConfirmed(Conflict):
    """The deliverer has confirmed this hand-in already."""

    code = "hand_in_confirmed"
    title = "该交款单已确认"


class SlipNumberTaken(Conflict):
    """The station has booked a bank deposit with this slip number."""

    code = "slip_number_taken"
    title = "该存款单号已登记"


class DepositDateAhead(InvalidInput):
    """A bank deposit cannot have been made in the future."""

    code = "deposit_date_ahead"
    title = "存款日期不能晚于今天"


class BankDepositCancelled(Conflict):
    """The bank deposit was cancelled already."""

    code = "bank_deposit_cancelled"
    title = "该笔存款已作废"


class CashDayClosed(Conflict):
    """The station's day is closed; finance may reopen it."""

    code = "cash_day_closed"
    title = "当日已结账，如需更正请由财务重新打开"


class CashDayUnfinished(Conflict):
    """Hand-ins or remittances wait for somebody's yes; facts carry how many."""

    code = "cash_day_unfinished"
    title = "还有待复核或送奶员未确认的交款单，或财务未收讫的上缴单，不能结账"


class CashDayAhead(InvalidInput):
    """The day has not begun."""

    code = "cash_day_ahead"
    title = "该日期还未到"


class StationMissing(InvalidInput):
    """Finance has no station of its own: it says which one is meant."""

    code = "station_missing"
    title = "请选择奶站"
