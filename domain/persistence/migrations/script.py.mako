"""${message}"""

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None

# The oldest revision whose code still works on this schema. A migration that only expands it (new tables, new indexes,
# new columns that may be empty or have a default) says what the one before it says. A migration that contracts it names
# the first revision whose code no longer uses what goes; that revision was in a release before.
compatible_since = ${repr(down_revision)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
