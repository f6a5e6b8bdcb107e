"""What customers send, and texts they agree to."""

from datetime import date
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from app.customers.models import ConsentPurpose, PrivacyText
from app.customers.service import AddressText


def address_in(**changes: Any) -> dict[str, Any]:
    """A request body for an address."""
    return {
        "city_code": "310000",
        "district": "徐汇区",
        "street": "漕溪北路",
        "house_no": "18",
        "compound": "实业公寓",
        "longitude": 121.4375,
        "latitude": 31.1875,
        "door": "2号楼1203室",
        "recipient": "赵敏",
        "phone": "13511112222",
        "note": "放奶箱",
    } | changes


def address_text(**changes: Any) -> AddressText:
    """The same for the service."""
    return AddressText(**address_in(**changes))


async def publish_text(
    session: AsyncSession,
    *,
    purpose: ConsentPurpose = ConsentPurpose.PRIVACY_TERMS,
    version: str = "2026-01",
    effective_date: date = date(2026, 1, 1),
) -> None:
    """A wording that is in force in spring 2026."""
    session.add(
        PrivacyText(
            purpose=purpose,
            version=version,
            title="隐私条款",
            text="我们只为送奶使用您的姓名、电话和地址。",
            effective_date=effective_date,
        )
    )
    await session.flush()
