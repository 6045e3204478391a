"""By which files answers, documents and past dialogues came, and which answers a person has touched since.

Of what was taken in before, answers and documents name their file as their source; past dialogues named none, and what
was mined from them neither: they go by one name together.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

BEFORE = "dialogues"
OF_NO_FILE = ("", "page", "api", "insights", "typed")
TABLES = ("chatbot_answers", "chatbot_documents", "chatbot_dialogues")


def upgrade() -> None:
    """Adds the columns empty, fills them, and lets them be empty no longer."""
    for name in TABLES:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.add_column(sa.Column("files", sa.JSON(), nullable=True))
            if name == "chatbot_answers":
                batch_op.add_column(sa.Column("by_hand", sa.Boolean(), nullable=True))
    _fill()
    for name in TABLES:
        with op.batch_alter_table(name, schema=None) as batch_op:
            batch_op.alter_column("files", existing_type=sa.JSON(), nullable=False)
            if name == "chatbot_answers":
                batch_op.alter_column("by_hand", existing_type=sa.Boolean(), nullable=False)


def _fill() -> None:
    answers, documents, dialogues = (_table(name) for name in TABLES)
    connection = op.get_bind()
    for id_, source, status in connection.execute(sa.select(answers.c.id, answers.c.source, answers.c.status)).all():
        mined = source.startswith("dialogues ")
        values = {"files": [BEFORE] if mined else _files(source), "by_hand": mined and status != "pending"}
        connection.execute(sa.update(answers).where(answers.c.id == id_).values(**values))
    for id_, source in connection.execute(sa.select(documents.c.id, documents.c.source)).all():
        connection.execute(sa.update(documents).where(documents.c.id == id_).values(files=_files(source)))
    connection.execute(sa.update(dialogues).values(files=[BEFORE]))


def _table(name: str) -> sa.TableClause:
    plain = (sa.column("id", sa.String), sa.column("source", sa.Text), sa.column("status", sa.String))
    return sa.table(name, *plain, sa.column("files", sa.JSON), sa.column("by_hand", sa.Boolean))


def _files(source: str) -> list[str]:
    return [] if source in OF_NO_FILE else [source]
