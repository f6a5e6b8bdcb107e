"""Who is in which team, and the catalogue of answer templates."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from app.aftersales.states import Team, TemplatePurpose
from app.core.base import EnumText, Shared
from app.core.states import values_of


class TeamMember(Shared):
    """A member of staff in a team of the desk; one may be in several."""

    __tablename__ = "team_members"
    __table_args__ = (CheckConstraint(f"team IN ({values_of(Team)})", name="team"),)

    team: Mapped[Team] = mapped_column(EnumText(Team), primary_key=True)
    account_id: Mapped[UUID] = mapped_column(
        ForeignKey("staff_accounts.id"), primary_key=True, index=True
    )


class AnswerTemplate(Shared):
    """A text of the catalogue with placeholders like {工单号} (S1 5.2.9); never deleted."""

    __tablename__ = "answer_templates"
    __table_args__ = (
        CheckConstraint(f"purpose IN ({values_of(TemplatePurpose)})", name="purpose"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    purpose: Mapped[TemplatePurpose] = mapped_column(EnumText(TemplatePurpose))
    category: Mapped[str | None]
    """What about: a `TicketCategory`; None: anything."""
    title: Mapped[str] = mapped_column(unique=True)
    text: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    changed_at: Mapped[datetime]
    changed_by: Mapped[UUID | None]
