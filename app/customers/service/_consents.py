"""What customers agreed to: versioned texts, consents given and withdrawn."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.core.ids import new_id
from app.customers import repository
from app.customers.errors import (
    CustomerUnknown,
    PrivacyTextOutdated,
    PrivacyTextTaken,
    PrivacyTextUnknown,
)
from app.customers.models import Consent, ConsentChannel, ConsentPurpose, PrivacyText


@dataclass(frozen=True, slots=True)
class ConsentState:
    """What a customer said last about one purpose; never said counts as no."""

    purpose: ConsentPurpose
    given: bool
    text_version: str | None
    current_version: str | None
    channel: ConsentChannel | None
    at: datetime | None


async def add_privacy_text(
    session: AsyncSession,
    *,
    purpose: ConsentPurpose,
    version: str,
    title: str,
    text: str,
    effective_date: date,
    today: date,
) -> PrivacyText:
    """Publish the next wording for a purpose; raises PrivacyTextTaken."""
    if effective_date < today:
        raise PrivacyTextTaken
    values = {
        "purpose": purpose,
        "version": version,
        "title": title,
        "text": text,
        "effective_date": effective_date,
    }
    if not await repository.insert_text(session, values):
        raise PrivacyTextTaken
    return PrivacyText(**values)


async def list_privacy_texts(session: AsyncSession, *, on: date) -> list[PrivacyText]:
    """The text in force on a date for each purpose."""
    return await repository.list_current_texts(session, on=on)


async def list_consents(
    session: AsyncSession, *, customer_id: UUID, on: date
) -> list[ConsentState]:
    """Where the customer stands on every purpose."""
    last = {row.purpose: row for row in await repository.list_consents(session, customer_id)}
    texts = {text.purpose: text for text in await list_privacy_texts(session, on=on)}
    states = []
    for purpose in ConsentPurpose:
        said, text = last.get(purpose), texts.get(purpose)
        states.append(
            ConsentState(
                purpose=purpose,
                given=said is not None and said.given,
                text_version=said.text_version if said is not None else None,
                current_version=text.version if text is not None else None,
                channel=ConsentChannel(said.channel) if said is not None else None,
                at=said.at if said is not None else None,
            )
        )
    return states


async def record_consent(
    session: AsyncSession,
    *,
    customer_id: UUID,
    purpose: ConsentPurpose,
    given: bool,
    text_version: str | None,
    channel: ConsentChannel,
    now: datetime,
    today: date,
) -> None:
    """Give or withdraw a consent; history stays. Saying the same again adds nothing.

    Giving names the text in force; withdrawing needs no text. Raises CustomerUnknown,
    PrivacyTextUnknown, PrivacyTextOutdated.
    """
    if await repository.lock_customer(session, customer_id) is None:
        raise CustomerUnknown
    last = await repository.find_last_consent(session, customer_id=customer_id, purpose=purpose)
    current = await repository.find_current_text(session, purpose=purpose, on=today)
    if given:
        if current is None:
            raise PrivacyTextUnknown
        if text_version != current.version:
            raise PrivacyTextOutdated(current_version=current.version)
        if last is not None and last.given and last.text_version == current.version:
            return
        version = current.version
    elif last is None or not last.given:
        return
    else:
        version = last.text_version
    session.add(
        Consent(
            customer_id=customer_id,
            consent_id=new_id(),
            purpose=purpose,
            text_version=version,
            given=given,
            channel=channel,
            at=now,
        )
    )
    await session.flush()


async def consent_since(
    session: AsyncSession, *, customer_id: UUID, purpose: ConsentPurpose
) -> datetime | None:
    """When the customer's last word on a purpose was said, if it was yes, to whichever version."""
    last = await repository.find_last_consent(session, customer_id=customer_id, purpose=purpose)
    return last.at if last is not None and last.given else None


async def has_consent(session: AsyncSession, *, customer_id: UUID, purpose: ConsentPurpose) -> bool:
    """Whether the customer's last word on a purpose was yes, to whichever version."""
    since = await consent_since(session, customer_id=customer_id, purpose=purpose)
    return since is not None
