"""Faults a test or a demo arms: what goes wrong, how often, and where."""

import itertools
from dataclasses import dataclass
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class FaultKind(StrEnum):
    """Everything that can be made to go wrong."""

    TIMEOUT_AFTER_COMMIT = "timeout_after_commit"
    CONNECTION_RESET = "connection_reset"
    SYSTEM_ERROR = "system_error"
    RATE_LIMIT = "rate_limit"
    NOTIFY_DUPLICATE = "notify_duplicate"
    NOTIFY_LOST = "notify_lost"
    NOTIFY_DELAYED = "notify_delayed"
    NOTIFY_BEFORE_ANSWER = "notify_before_answer"
    NOTIFY_WRONG_AMOUNT = "notify_wrong_amount"
    NOTIFY_OTHER_MERCHANT = "notify_other_merchant"
    NOTIFY_FORGED_SIGNATURE = "notify_forged_signature"
    NOTIFY_STALE_TIMESTAMP = "notify_stale_timestamp"
    REFUND_STUCK = "refund_stuck"
    REFUND_ABNORMAL = "refund_abnormal"
    REFUND_CLOSED = "refund_closed"
    REFUND_NOT_ENOUGH = "refund_not_enough"
    SMS_DOWN = "sms_down"
    SMS_STALL = "sms_stall"
    SMS_RESET = "sms_reset"
    SMS_REFUSED = "sms_refused"
    SMS_SLOW = "sms_slow"
    SMS_RECEIPT_LOST = "sms_receipt_lost"
    SMS_RECEIPT_FAILED = "sms_receipt_failed"
    SMS_RECEIPT_REPEATED = "sms_receipt_repeated"
    TAOBAO_DOWN = "taobao_down"
    TAOBAO_REPEAT = "taobao_repeat"


class FaultOrder(BaseModel):
    """A fault to arm.

    `count` None holds until cleared. `endpoint` narrows HTTP faults to one call (`create`, `query`,
    `close`, `refund`, `refund_query`, `certificates`, `bill`, `bill_file`, `SendSms`,
    `QuerySendDetails`, a method of TOP or of Alipay, or `queryTrans`, `backTransReq`); `reference` narrows to one out_trade_no,
    out_refund_no or phone.
    `account` narrows to one SMS account, `primary` or `backup`; `code` is what SMS_REFUSED answers.
    `after_commit`: an error or reset strikes after the work was done. `times`: copies of a
    duplicate. `seconds`: delay of a notification, before scaling; of a slow SMS answer, real ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FaultKind
    count: int | None = Field(default=None, ge=1)
    endpoint: str | None = None
    reference: str | None = None
    account: str | None = None
    code: str = "isv.AMOUNT_NOT_ENOUGH"
    after_commit: bool = False
    times: int = Field(default=3, ge=2, le=50)
    seconds: float = Field(default=60.0, ge=0)


@dataclass(slots=True)
class ArmedFault:
    """A fault in force, and how often it struck."""

    id: int
    order: FaultOrder
    hits: int = 0

    @property
    def spent(self) -> bool:
        """Whether it struck as often as was ordered."""
        return self.order.count is not None and self.hits >= self.order.count


class FaultBox:
    """The armed faults; the oldest fitting one strikes first."""

    def __init__(self) -> None:
        self._armed: list[ArmedFault] = []
        self._ids = itertools.count(1)

    def arm(self, order: FaultOrder) -> ArmedFault:
        """Put a fault in force."""
        fault = ArmedFault(id=next(self._ids), order=order)
        self._armed.append(fault)
        return fault

    def clear(self, fault_id: int | None = None) -> int:
        """Lift one fault, or all; returns how many were lifted."""
        before = len(self._armed)
        self._armed = [f for f in self._armed if fault_id is not None and f.id != fault_id]
        return before - len(self._armed)

    def all(self) -> list[ArmedFault]:
        """Every fault not yet spent or cleared."""
        return list(self._armed)

    def take(
        self,
        kind: FaultKind,
        *,
        endpoint: str | None = None,
        reference: str | None = None,
        account: str | None = None,
        after_commit: bool | None = None,
    ) -> FaultOrder | None:
        """Let a fitting fault strike once; None when nothing is armed."""
        for fault in self._armed:
            order = fault.order
            if order.kind is not kind:
                continue
            if order.endpoint is not None and order.endpoint != endpoint:
                continue
            if order.reference is not None and order.reference != reference:
                continue
            if order.account is not None and order.account != account:
                continue
            if after_commit is not None and order.after_commit is not after_commit:
                continue
            fault.hits += 1
            if fault.spent:
                self._armed.remove(fault)
            return order
        return None
