"""Request and answer shapes of notifications."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.core.errors import NotFound
from app.core.ids import HOUSE, public_pair, public_single, read_single
from app.core.schemas import Answer, Request, ShortText
from app.notifications.models import SmsAttempt
from app.notifications.service import (
    DeliveryReport,
    InboundText,
    ReplyShown,
    SmsShown,
    Wanted,
)
from app.notifications.states import AttemptOutcome, ReplyMeaning, SmsAccount, SmsStatus

_Number = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\x21-\x7e]+$")]
_Word = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]


class AliyunReportIn(BaseModel):
    """One SmsReport of Aliyun; what the provider may add later is ignored."""

    model_config = ConfigDict(extra="ignore")

    phone_number: Annotated[str, Field(max_length=30)]
    biz_id: _Number
    out_id: Annotated[str, Field(max_length=256)] | None = None
    success: bool
    err_code: _Word | None = None
    send_time: _Word | None = None
    report_time: _Word | None = None
    sms_size: _Word | None = None

    def report(self) -> DeliveryReport:
        """As the service takes it; the facts carry no personal data."""
        return DeliveryReport(
            provider_message_id=self.biz_id,
            out_id=self.out_id,
            phone=self.phone_number,
            succeeded=self.success,
            error=self.err_code,
            facts={
                "err_code": self.err_code,
                "send_time": self.send_time,
                "report_time": self.report_time,
                "sms_size": self.sms_size,
            },
        )


AliyunReports = Annotated[list[AliyunReportIn], Field(max_length=1000)]


class AliyunReplyIn(BaseModel):
    """One SmsUp of Aliyun: a text from a phone."""

    model_config = ConfigDict(extra="ignore")

    phone_number: Annotated[str, Field(max_length=30)]
    content: Annotated[str, Field(max_length=1000)]
    sequence_id: Annotated[int, Field(ge=0, lt=2**63)] | _Number
    send_time: _Word | None = None
    sign_name: _Word | None = None
    dest_code: _Word | None = None

    def inbound(self) -> InboundText:
        """As the service takes it; what no column holds is dropped."""
        return InboundText(
            sequence=str(self.sequence_id),
            phone=self.phone_number,
            content=self.content.encode("utf-8", "ignore").decode(),
        )


AliyunReplies = Annotated[list[AliyunReplyIn], Field(max_length=1000)]


class AliyunAnswer(Answer):
    """What makes Aliyun stop repeating a report or a reply."""

    code: int = 0
    msg: str = "接收成功"


class SmsSearch(Request):
    """Which messages are wanted; dates are the operator's, both included.

    `cause` is the beginning of one, such as `order_change:`.
    """

    customer: ShortText | None = None
    phone: ShortText | None = None
    cause: ShortText | None = None
    kind: Annotated[str, StringConstraints(pattern=r"^[a-z_]{1,40}$")] | None = None
    status: SmsStatus | None = None
    from_date: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))] | None = None
    to_date: Annotated[date, Field(ge=date(2000, 1, 1), le=date(2100, 1, 1))] | None = None

    def wanted(self) -> Wanted:
        """As the service takes it; raises NotFound for what is no customer."""
        customer_id = None if self.customer is None else read_single("cus", self.customer)
        if customer_id == HOUSE:
            raise NotFound
        return Wanted(
            customer_id=customer_id,
            phone=self.phone,
            cause=self.cause,
            template=self.kind,
            status=self.status,
            from_date=self.from_date,
            to_date=self.to_date,
        )


class ResendIn(Request):
    """Why a message is sent once more."""

    reason: ShortText


class SmsOut(Answer):
    """A message as staff see it: masked, without its content. `template` is its kind."""

    id: str
    customer: str | None
    template: str
    cause: str
    phone: str
    status: SmsStatus
    attempts: int
    duplicate_possible: bool
    failure: str | None
    created_at: datetime
    resend_of: str | None
    resent_by: str | None
    resend_reason: str | None

    @classmethod
    def of(cls, shown: SmsShown) -> Self:
        """From the service."""
        return cls(**_values(shown))


def _values(shown: SmsShown) -> dict[str, object]:
    customer_id = shown.customer_id
    return {
        "id": public_pair("sms", customer_id, shown.message_id),
        "customer": None if customer_id == HOUSE else public_single("cus", customer_id),
        "template": shown.template,
        "cause": shown.cause,
        "phone": shown.phone,
        "status": shown.status,
        "attempts": shown.attempts,
        "duplicate_possible": shown.duplicate_possible,
        "failure": shown.failure,
        "created_at": shown.created_at,
        "resend_of": None
        if shown.resend_of is None
        else public_pair("sms", customer_id, shown.resend_of),
        "resent_by": shown.resent_by,
        "resend_reason": shown.resend_reason,
    }


class AttemptOut(Answer):
    """One call that asked an account to send; `outcome` null: under way, or its worker died."""

    attempt_no: int
    account: SmsAccount
    provider_code: str
    started_at: datetime
    ended_at: datetime | None
    outcome: AttemptOutcome | None
    error: str | None
    provider_message_id: str | None


class SmsDetail(SmsOut):
    """A message with its attempts, oldest first."""

    tries: list[AttemptOut]

    @classmethod
    def build(cls, shown: SmsShown, attempts: Sequence[SmsAttempt]) -> Self:
        """From the service."""
        tries = [AttemptOut.model_validate(one) for one in attempts]
        return cls(**_values(shown), tries=tries)


class ReplyOut(Answer):
    """What a phone texted to us; `meaning` stop ended its promotions."""

    id: str
    phone: str
    content: str
    meaning: ReplyMeaning
    received_at: datetime

    @classmethod
    def of(cls, shown: ReplyShown) -> Self:
        """From the service."""
        return cls(
            id=public_single("rep", shown.reply_id),
            phone=shown.phone,
            content=shown.content,
            meaning=shown.meaning,
            received_at=shown.received_at,
        )
