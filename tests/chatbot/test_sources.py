"""Taking a file out again: what it alone brought goes, what others brought or people touched is told apart."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from apps.chatbot.knowledge import Knowledge
from apps.chatbot.records import Forgotten, Source, Status
from apps.chatbot.store import MIGRATIONS, Store
from core.errors import NotFoundError
from core.storage import migrate, open_database
from tests.chatbot.test_knowledge import Letters

TODAY = date(2026, 6, 1)
FAQ = "question,answer\nWhen are you open?,From 8 to 18.\nIs there parking?,Behind the house.\n"
TALK = {
    "id": "t1",
    "resolved": True,
    "turns": [
        {"role": "customer", "text": "Do you whiten teeth?"},
        {"role": "agent", "text": "Whitening teeth costs 300 euros."},
    ],
}


@pytest.fixture
def knowledge(tmp_path: Path):
    made = Knowledge(Store.open(f"sqlite:///{tmp_path / 'shop.db'}"), [Letters()], tmp_path / "home").load()
    yield made
    made._store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "files"
    (made / "rules").mkdir(parents=True)
    (made / "faq.csv").write_text(FAQ)
    (made / "rules" / "fees.md").write_text("# Fees\n\nA missed appointment costs 40 euros.")
    (made / "chats.jsonl").write_text(json.dumps(TALK))
    return made


def test_each_file_is_listed_with_what_it_brought(knowledge, folder):
    knowledge.ingest([folder])
    knowledge.ingest_text("Typed", "A text of no file.")
    assert knowledge._store.sources() == [
        Source("chats.jsonl", waiting=1, dialogues=1),
        Source("faq.csv", answers=2),
        Source("rules/fees.md", documents=1),
    ]


def test_a_file_taken_out_is_found_no_more_and_nothing_of_it_is_left(knowledge, folder):
    knowledge.ingest([folder])
    for name in ("faq.csv", "rules/fees.md", "chats.jsonl"):
        told = knowledge._store.forgettable(name)
        assert knowledge.forget(name) == told and told.kept == 0
    assert not any(knowledge._store.counts().values())
    assert knowledge.find_answers("parking", 5, TODAY) == knowledge.find_passages("fees", 5, TODAY) == []
    assert knowledge.ingest([folder]).added == 4  # as if it had never been there


def test_saying_what_would_go_changes_nothing(knowledge, folder):
    knowledge.ingest([folder])
    before = knowledge._store.knowledge_version()
    assert knowledge._store.forgettable("faq.csv") == Forgotten(Source("faq.csv", answers=2))
    assert knowledge._store.knowledge_version() == before and knowledge._store.counts()["answers"] == 2


def test_what_another_file_brought_too_stays_until_that_one_goes(knowledge, folder):
    (folder / "more.csv").write_text(FAQ + "Do you treat children?,Yes.\n")
    knowledge.ingest([folder / "faq.csv", folder / "more.csv"])
    assert knowledge.forget("more.csv") == Forgotten(Source("more.csv", answers=1), kept=2)
    assert knowledge._store.sources() == [Source("faq.csv", answers=2)]
    assert knowledge.forget("faq.csv") == Forgotten(Source("faq.csv", answers=2))


def test_answers_that_people_changed_or_approved_are_told_apart_and_can_be_kept(knowledge, folder):
    knowledge.ingest([folder / "faq.csv", folder / "chats.jsonl"])
    mined = knowledge._store.answers(Status.PENDING)[0]
    knowledge.put_answer(replace(mined, status=Status.APPROVED))
    hours = next(one for one in knowledge._store.answers() if "open" in one.question)
    knowledge.put_answer(replace(hours, answer="From 9 to 18."))
    assert knowledge._store.forgettable("faq.csv").gone.by_hand == 1
    assert knowledge._store.forgettable("chats.jsonl").gone == Source("chats.jsonl", answers=1, by_hand=1, dialogues=1)
    assert knowledge.forget("faq.csv", keep_by_hand=True) == Forgotten(Source("faq.csv", answers=1), kept=1)
    assert knowledge.forget("chats.jsonl", keep_by_hand=True).gone == Source("chats.jsonl", dialogues=1)
    assert {one.answer for one in knowledge._store.answers()} == {"From 9 to 18.", mined.answer}
    assert knowledge._store.sources() == []  # what was kept is the team's own now


def test_an_answer_saved_as_it_was_is_not_touched_by_hand_and_keeps_its_file(knowledge, folder):
    knowledge.ingest([folder / "faq.csv"])
    for one in knowledge._store.answers():
        knowledge.put_answer(replace(one, files=(), source="api"))
    assert knowledge._store.sources() == [Source("faq.csv", answers=2)]
    assert {one.source for one in knowledge._store.answers()} == {"faq.csv"}


def test_a_file_of_which_nothing_is_known_is_told_with_the_nearest_name(knowledge, folder):
    knowledge.ingest([folder / "faq.csv"])
    with pytest.raises(NotFoundError, match=r"from a file 'fag\.csv'; the nearest known is 'faq\.csv'"):
        knowledge.forget("fag.csv")


def test_knowledge_of_an_earlier_version_belongs_to_the_files_it_names(tmp_path):
    url = f"sqlite:///{tmp_path / 'old.db'}"
    old = tmp_path / "chatbot" / "migrations"
    old.mkdir(parents=True)
    (old / "0001.py").write_text((MIGRATIONS / "0001_first_tables.py").read_text())
    database = open_database(url)
    migrate(database, old)
    row = {"question": "q", "answer": "a", "similar_questions": "[]", "language": "en", "made": datetime.now(UTC)}
    insert = sa.text(
        "INSERT INTO chatbot_answers (id, question, answer, similar_questions, language, status, source, created_at) "
        "VALUES (:id, :question, :answer, :similar_questions, :language, :status, :source, :made)"
    )
    kinds = (("approved", "faq.csv"), ("pending", "dialogues t1"), ("approved", "dialogues t2"), ("approved", "page"))
    with database.engine.begin() as connection:
        for number, (status, source) in enumerate(kinds):
            made = row["made"].strftime("%Y-%m-%d %H:%M:%S.%f")
            connection.execute(insert, row | {"id": str(number), "status": status, "source": source, "made": made})
    database.close()
    store = Store.open(url)
    assert store.sources() == [Source("dialogues", answers=1, waiting=1, by_hand=1), Source("faq.csv", answers=1)]
    assert store.answer("3").files == ()
    store.close()
