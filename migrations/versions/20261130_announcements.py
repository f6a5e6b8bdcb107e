"""announcements: what households are told, from a day to a day

Revision: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "announcements",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("valid", postgresql.DATERANGE(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "kind IN ('promotion', 'new_product', 'change_notice')",
            name=op.f("ck_announcements_kind"),
        ),
        sa.CheckConstraint("NOT isempty(valid)", name=op.f("ck_announcements_valid")),
        sa.CheckConstraint(
            "length(title) > 0 AND length(body) > 0", name=op.f("ck_announcements_texts")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcements")),
    )
    op.create_index("ix_announcements_valid", "announcements", ["valid"], postgresql_using="gist")


def downgrade() -> None:
    """Take back."""
    op.drop_table("announcements")
