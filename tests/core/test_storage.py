import os
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from sqlalchemy import JSON, ForeignKey, MetaData, String, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from core import storage
from core.errors import BusyError, ConflictError, DataError, NotFoundError, SettingsError, TrifoliumError
from core.migrations import current_revision, differences, draft
from core.storage import NAMING, UtcDateTime, migrate, open_database

ROOT = Path(__file__).parents[2]


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)


class Shop(Base):
    __tablename__ = "toy_shop"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50), unique=True)
    facts: Mapped[dict] = mapped_column(JSON, default=dict)
    opened_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Cup(Base):
    __tablename__ = "toy_cup"
    id: Mapped[int] = mapped_column(primary_key=True)
    shop_id: Mapped[int] = mapped_column(ForeignKey("toy_shop.id", ondelete="CASCADE"))


FIRST = """
from alembic import op
import sqlalchemy as sa
revision = "0001"
down_revision = None
def upgrade():
    op.create_table("toy_shop", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.String(20)))
    op.create_table(
        "toy_cup",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("shop_id", sa.Integer, sa.ForeignKey("toy_shop.id", ondelete="CASCADE"), nullable=False),
    )
"""
SECOND = """
from alembic import op
import sqlalchemy as sa
revision = "0002"
down_revision = "0001"
def upgrade():
    with op.batch_alter_table("toy_shop") as table:
        table.alter_column("name", existing_type=sa.String(20), type_=sa.String(50), nullable=False)
        table.add_column(sa.Column("facts", sa.JSON, nullable=False, server_default="{}"))
        table.add_column(sa.Column("opened_at", sa.DateTime(timezone=True)))
        table.create_unique_constraint("uq_toy_shop_name", ["name"])
"""


@pytest.fixture
def database(tmp_path):
    opened = open_database(f"sqlite:///{tmp_path}/new folder/店.db")
    Base.metadata.create_all(opened.engine)
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "50% off" / "toy" / "migrations"
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    (place / "0001_first.py").write_text(FIRST)
    return place


def count(database, table="toy_shop"):
    with database.reading() as session:
        return session.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()


def test_a_session_commits_as_a_whole_or_not_at_all(database):
    with database.session() as session:
        session.add(Shop(name="灯巷", facts={"城市": "新加坡"}))
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.add(Shop(name="other"))
        session.flush()
        raise ZeroDivisionError
    assert count(database) == 1
    with database.reading() as session:
        assert session.execute(text("SELECT facts FROM toy_shop")).scalar_one() == '{"城市": "新加坡"}'


def test_what_was_read_stays_readable_after_the_session(database):
    with database.session() as session:
        shop = Shop(name="a")
        session.add(shop)
    assert (shop.id, shop.name) == (1, "a")


def test_changes_in_a_reading_are_dropped(database):
    with database.reading() as session:
        session.add(Shop(name="ghost"))
        session.flush()
    assert count(database) == 0


def test_a_reader_sees_one_state_while_a_writer_works(database):
    with database.reading() as reader:
        assert reader.execute(select(Shop)).all() == []
        with database.session() as writer:
            writer.add(Shop(name="new"))
        assert reader.execute(select(Shop)).all() == []
    assert count(database) == 1


def test_sqlite_checks_foreign_keys_and_keeps_a_log(database):
    with pytest.raises(ConflictError, match="contradicts what is stored: FOREIGN KEY"), database.session() as session:
        session.add(Cup(shop_id=77))
    with database.reading() as session:
        assert session.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"


def test_a_broken_constraint_is_a_conflict(database):
    for expected in (1, 1):
        try:
            with database.session() as session:
                session.add(Shop(name="twice"))
        except ConflictError as error:
            assert error.status == 409 and "\n" not in str(error)
        assert count(database) == expected


def test_moments_keep_their_instant_and_need_a_zone(database):
    evening = datetime(2026, 3, 2, 20, 0, tzinfo=timezone(timedelta(hours=8)))
    with database.session() as session:
        session.add_all([Shop(name="a", opened_at=evening), Shop(name="b")])
    with database.reading() as session:
        opened = session.execute(select(Shop.opened_at).order_by(Shop.name)).scalars().all()
        assert opened == [evening, None] and opened[0].tzinfo == UTC
        assert session.execute(select(Shop.name).where(Shop.opened_at <= evening)).scalars().all() == ["a"]
    with (
        pytest.raises(DataError, match="needs a time zone, got 2026-03-02"),
        database.session() as session,
    ):
        session.add(Shop(name="c", opened_at=datetime(2026, 3, 2)))


def test_many_threads_add_up_without_a_lost_or_refused_change(database):
    with database.session() as session:
        session.add(Shop(name="counter", facts={"n": 0}))

    def work():
        for _ in range(25):
            with database.session() as session:
                shop = session.execute(select(Shop)).scalar_one()
                shop.facts = {"n": shop.facts["n"] + 1}

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.reading() as session:
        assert session.execute(select(Shop)).scalar_one().facts == {"n": 150}


def test_a_writer_that_does_not_finish_makes_the_next_one_busy(tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "BUSY_TIMEOUT_S", 0.1)
    database = open_database(f"sqlite:///{tmp_path}/x.db")
    busy = pytest.raises(BusyError, match="busy with another change")
    with database.session() as first, busy as caught:
        first.execute(text("CREATE TABLE a (id INTEGER)"))
        with database.session() as second:
            second.execute(text("CREATE TABLE b (id INTEGER)"))
    assert caught.value.status == 503
    database.close()


def test_memory_is_one_database_for_all_threads():
    database = open_database("sqlite://")
    Base.metadata.create_all(database.engine)
    with database.session() as session:
        session.add(Shop(name="a"))
    seen = []
    thread = threading.Thread(target=lambda: seen.append(count(database)))
    thread.start()
    thread.join()
    assert seen == [1]
    database.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("shop.db", "must be a URL such as sqlite:///file.db"),
        ("mysql://u:trap@host/x", "must begin with sqlite:// or postgresql://, got mysql"),
        ("", "must be a URL"),
    ],
)
def test_an_address_that_cannot_be_meant_is_refused(url, words):
    with pytest.raises(SettingsError, match="Setting 'database_url'") as caught:
        open_database(url)
    assert words in str(caught.value) and "trap" not in str(caught.value)


def test_postgresql_by_any_of_its_names_or_a_pip_command():
    try:
        database = open_database("postgres://ada:trap@nowhere/x")
    except TrifoliumError as error:
        assert str(error) == 'PostgreSQL needs the package psycopg: pip install "trifolium[postgres]".'
    else:
        assert database.engine.url.drivername == "postgresql+psycopg" and "trap" not in database.address


def test_a_file_that_is_no_database_is_named(tmp_path):
    (tmp_path / "notes.db").write_text("just text, long enough to be looked at " * 50)
    database = open_database(f"sqlite:///{tmp_path}/notes.db")
    with pytest.raises(DataError, match=r"notes.db' is not a sound SQLite database"), database.session() as session:
        session.execute(text("SELECT 1"))
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="must name a file that can be made"):
        open_database(f"sqlite:///{tmp_path}/file/x.db")


CHILD = """
import sys, time
from sqlalchemy import text
from core.storage import open_database
database = open_database(sys.argv[1])
with database.session() as session:
    session.execute(text("INSERT INTO toy_shop (name, facts) VALUES ('kept', '{}')"))
insert = text("INSERT INTO toy_shop (name, facts) VALUES (:name, '{}')")
with database.session() as session:
    for n in range(2000):
        session.execute(insert, {"name": f"half {n} " + "x" * 500})
    print("inside", flush=True)
    time.sleep(60)
"""


def test_a_process_killed_inside_a_transaction_leaves_what_was_committed(database, tmp_path):
    url = database.engine.url.render_as_string()
    child = subprocess.Popen([sys.executable, "-c", CHILD, url], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None and child.stdout.readline() == "inside\n"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    fresh = open_database(url)
    with fresh.session() as session:  # the dead writer's lock is gone
        session.add(Shop(name="after"))
    with fresh.reading() as session:
        assert session.execute(select(Shop.name).order_by(Shop.id)).scalars().all() == ["kept", "after"]
        assert session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
    fresh.close()


PAIRS = """
import sys
from sqlalchemy import text
from core.storage import open_database
database = open_database(sys.argv[1])
n = 0
while True:
    n += 1
    with database.session() as session:
        session.execute(text("INSERT INTO toy_shop (id, name, facts) VALUES (:n, :n, '{}')"), {"n": n})
        session.execute(text("INSERT INTO toy_cup (shop_id) VALUES (:n)"), {"n": n})
    print(n, flush=True)
"""


def test_a_process_killed_at_any_moment_leaves_no_half_pair_and_loses_no_confirmed_one(database):
    url = database.engine.url.render_as_string()
    child = subprocess.Popen([sys.executable, "-c", PAIRS, url], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert child.stdout is not None
    child.stdout.readline()
    time.sleep(0.3)
    os.kill(child.pid, signal.SIGKILL)
    confirmed = [int(line) for line in child.stdout.read().split("\n") if line]
    child.wait()
    child.stdout.close()
    assert count(database) == count(database, "toy_cup") >= max(confirmed, default=1)


def test_migrations_run_once_and_in_order_without_env_or_ini(folder, tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    assert current_revision(database, folder) is None
    assert migrate(database, folder) == migrate(database, folder) == "0001"
    with database.session() as session:
        session.execute(text("INSERT INTO toy_shop (id, name) VALUES (1, 'a')"))
        session.execute(text("INSERT INTO toy_cup (id, shop_id) VALUES (1, 1)"))
    (folder / "0002_second.py").write_text(SECOND)
    assert migrate(database, folder) == "0002" == current_revision(database, folder)
    assert (count(database), count(database, "toy_cup"), count(database, "toy_version")) == (
        1,
        1,
        1,
    )  # children survive
    with database.reading() as session:
        assert session.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    database.close()


def test_a_database_that_lacks_nothing_opens_while_somebody_writes_and_one_that_does_says_it_is_busy(
    folder, tmp_path, monkeypatch
):
    monkeypatch.setattr(storage, "BUSY_TIMEOUT_S", 0.1)
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    migrate(database, folder)
    with database.session() as session:
        session.execute(text("INSERT INTO toy_shop (id, name) VALUES (1, 'a')"))
        assert migrate(database, folder) == "0001"
        (folder / "0002_second.py").write_text(SECOND)
        with pytest.raises(BusyError, match="busy with another change"):
            migrate(database, folder)
    assert migrate(database, folder) == "0002"
    database.close()


def test_migrations_can_be_compared_with_the_tables_in_code(folder, tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    migrate(database, folder)
    with database.session() as session:
        session.execute(text("CREATE TABLE other_app (id INTEGER)"))
    assert any("opened_at" in difference for difference in differences(database, Base.metadata))
    assert "add_column" in draft(database, Base.metadata)
    (folder / "0002_second.py").write_text(SECOND)
    migrate(database, folder)
    assert differences(database, Base.metadata) == []
    database.close()


def test_a_failing_migration_leaves_everything_as_it_was(folder, tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    migrate(database, folder)
    broken = SECOND.replace(
        "def upgrade():", "def upgrade():\n    op.drop_table('toy_cup')\n    op.execute('nonsense')"
    )
    (folder / "0002_second.py").write_text(broken)
    with pytest.raises(Exception, match="nonsense"):
        migrate(database, folder)
    assert current_revision(database, folder) == "0001" and count(database, "toy_cup") == 0
    database.close()


def test_a_database_of_a_newer_program_is_refused(folder, tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/m.db")
    (folder / "0002_second.py").write_text(SECOND)
    migrate(database, folder)
    (folder / "0002_second.py").unlink()
    with pytest.raises(ConflictError, match="made by a newer version of this program \\(revision 0002\\)"):
        migrate(database, folder)
    database.close()


def test_a_folder_without_migrations_is_named(tmp_path):
    database = open_database("sqlite://")
    with pytest.raises(NotFoundError, match="does not exist"):
        migrate(database, tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="holds no migrations"):
        migrate(database, tmp_path / "empty")
    database.close()


def test_two_processes_may_migrate_at_the_same_time(folder, tmp_path):
    (folder / "0002_second.py").write_text(SECOND)
    code = (
        "import sys; from pathlib import Path; from core.storage import migrate, open_database;"
        "print(migrate(open_database(sys.argv[1]), Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/m.db", str(folder)]
    children = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(3)]
    assert [child.communicate()[0].strip() for child in children] == ["0002"] * 3
