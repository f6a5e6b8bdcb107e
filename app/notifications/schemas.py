"""Request and answer shapes of notifications."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from app.core.ids import public_pair
from app.core.pagination import BadCursor, PageRequest
from app.core.schemas import Answer
from app.notifications.service import DeliveryReport, SmsShown
from app.notifications.states import SmsStatus

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


class AliyunAnswer(Answer):
    """What makes Aliyun stop repeating a report."""

    code: int = 0
    msg: str = "接收成功"


class SmsOut(Answer):
    """A message as staff see it: masked, without its content."""

    id: str
    template: str
    phone: str
    status: SmsStatus
    attempts: int
    duplicate_possible: bool
    failure: str | None
    created_at: datetime

    @classmethod
    def of(cls, shown: SmsShown) -> "SmsOut":
        """From the service."""
        return cls(
            id=public_pair("sms", shown.customer_id, shown.message_id),
            template=shown.template,
            phone=shown.phone,
            status=shown.status,
            attempts=shown.attempts,
            duplicate_possible=shown.duplicate_possible,
            failure=shown.failure,
            created_at=shown.created_at,
        )


def uuid_cursor(page: PageRequest) -> UUID | None:
    """The id in a cursor of a list by id; raises BadCursor."""
    if page.after is None:
        return None
    try:
        (text,) = page.after
        return UUID(str(text))
    except ValueError as error:
        raise BadCursor from error
