import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from apps.chatbot.knowledge import Knowledge, answer_entries
from apps.chatbot.records import ApprovedAnswer, Status
from apps.chatbot.store import Store
from core.errors import DataError, NotFoundError
from core.events import Log
from core.text import lexical_tokens

TODAY = date(2026, 6, 1)
GIFT = ApprovedAnswer("gift", "Do gift cards expire?", "After 24 months.", ("how long are vouchers valid",))
ZH = ApprovedAnswer("zh", "多久送到？", "两到四个工作日。", ("几天到",), language="zh")
OLD = replace(GIFT, id="old", question="Spring sale?", similar_questions=(), valid_until=date(2026, 5, 31))
WAITING = replace(GIFT, id="waiting", question="Secret sale?", similar_questions=(), status=Status.PENDING)
KETTLE = "# Ember kettle\n\nBoils 1.2 litres.\n\n## Messages\n\nE1 is dry-boil protection: let it cool for ten minutes."
STAFF = "# Internal: refunds\n\nUse refund_order_4821 to refund the kettle."


class Letters:
    """A real tiny embedder: hashed words and pairs of letters, so that any text has a vector."""

    name, dim, languages = "letters", 64, ("en", "zh")

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, texts):
        self.seen += texts
        rows = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            for token in lexical_tokens(text):
                rows[row, sum(token.encode()) % self.dim] += 1.0
        return rows / np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-6)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'shop.db'}"


@pytest.fixture
def knowledge(url, tmp_path):
    made = Knowledge(Store.open(url), [Letters()], tmp_path / "home").load()
    for answer in (GIFT, ZH, OLD, WAITING):
        made.put_answer(answer)
    made.ingest_text("Ember kettle", KETTLE)
    made.ingest_text("Internal: refunds", STAFF)
    return made


def answers(knowledge: Knowledge, query: str, now: date = TODAY, **more) -> list[str]:
    return [hit.record.id for hit in knowledge.find_answers(query, 5, now, **more)]


def titles(knowledge: Knowledge, query: str, **more) -> list[str]:
    return [hit.record.title for hit in knowledge.find_passages(query, 5, TODAY, **more)]


def test_any_wording_leads_to_its_answer_once(knowledge):
    assert answers(knowledge, "vouchers valid how long")[0] == "gift"
    assert answers(knowledge, "几天到货")[0] == "zh"
    assert answers(knowledge, "gift cards expire vouchers valid").count("gift") == 1


def test_only_approved_and_valid_answers_are_found(knowledge):
    assert "waiting" not in answers(knowledge, "Secret sale?")
    assert "old" in answers(knowledge, "Spring sale?", date(2026, 5, 31))
    assert "old" not in answers(knowledge, "Spring sale?")


def test_approving_editing_and_deleting_show_at_once(knowledge):
    knowledge.put_answer(replace(WAITING, status=Status.APPROVED))
    assert answers(knowledge, "Secret sale?")[0] == "waiting"
    knowledge.put_answer(replace(WAITING, status=Status.APPROVED, question="Quiet sale?", answer="Now."))
    assert knowledge.find_answers("quiet sale", 1, TODAY)[0].record.answer == "Now."
    assert all(one.id.startswith("waiting#") for one in answer_entries(WAITING))
    knowledge.put_answer(replace(WAITING, status=Status.REJECTED))
    assert "waiting" not in answers(knowledge, "Quiet sale?")
    knowledge.delete_answer("gift")
    assert "gift" not in answers(knowledge, "Do gift cards expire?")
    with pytest.raises(NotFoundError):
        knowledge.delete_answer("gift")


def test_passages_are_found_by_their_document_and_heading(knowledge):
    best = knowledge.find_passages("kettle message E1", 3, TODAY)[0]
    assert best.record.heading == "Messages"
    assert KETTLE[best.record.start : best.record.end] == best.record.text
    assert best.found.vector_score is not None


def test_staff_passages_are_for_staff(knowledge):
    assert titles(knowledge, "refund the kettle with refund_order_4821") == ["Ember kettle"] * 2
    assert titles(knowledge, "refund the kettle with refund_order_4821", staff=True)[0] == "Internal: refunds"


def test_a_document_typed_again_replaces_the_first_and_leaves_nothing_behind(knowledge):
    knowledge.ingest_text("Ember kettle", "# Ember kettle\n\nNow boils two litres.")
    assert titles(knowledge, "E1 dry-boil protection") == ["Ember kettle"]
    assert knowledge.find_passages("E1 dry-boil", 5, TODAY)[0].record.text == "Now boils two litres."
    (document,) = [one for one in knowledge._store.documents() if one.title == "Ember kettle"]
    knowledge.delete_document(document.id)
    assert titles(knowledge, "boils litres") == []


def test_a_folder_goes_in_with_a_report_of_everything(knowledge, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "faq.csv").write_text("question,answer\nIs there parking?,In the streets.\nno answer,\n")
    (folder / "care.md").write_text("# Linen\n\nWash at forty degrees.")
    (folder / "talk.jsonl").write_text(
        '{"id": "t1", "resolved": true, "turns": [{"role": "customer", "text": "Do you sell spare lids?"}, '
        '{"role": "agent", "text": "Spare lids cost five dollars."}]}'
    )
    (folder / "photo.jpg").write_bytes(b"x")
    report = knowledge.ingest([folder])
    assert (report.added, report.updated, report.unchanged) == (3, 0, 0)
    assert sorted((one.source, one.line) for one in report.problems) == [("faq.csv", 3), ("photo.jpg", 0)]
    assert answers(knowledge, "parking?") != []
    assert titles(knowledge, "wash linen")[0] == "Linen"
    (pending,) = [one for one in knowledge._store.answers(Status.PENDING) if one.source.startswith("dialogues")]
    assert (pending.question, pending.answer) == ("Do you sell spare lids?", "Spare lids cost five dollars.")
    assert pending.id not in answers(knowledge, "Do you sell spare lids?")
    again = knowledge.ingest([folder])
    assert (again.added, again.unchanged) == (0, 3)
    assert len(knowledge._store.answers(Status.PENDING)) == 2


def test_a_file_that_cannot_be_read_is_named_as_failed_and_the_others_go_in(knowledge, tmp_path):
    for name, content in (("empty.csv", ""), ("faq.csv", "question,answer\nIs there parking?,In the streets.\n")):
        (tmp_path / name).write_text(content)
    said = []
    report = knowledge.ingest([tmp_path / name for name in ("empty.csv", "gone.csv", "faq.csv")], on_event=said.append)
    assert report.added == 1 and answers(knowledge, "parking?") != []
    assert sorted(report.failed) == sorted(["empty.csv", str(tmp_path / "gone.csv")])
    assert [one.text for one in said if isinstance(one, Log)][-1] == "faq.csv: 1 taken in, 0 not"


def test_what_another_process_changed_is_noticed_at_the_next_question(knowledge, url):
    other = Knowledge(Store.open(url), [Letters()]).load()
    other.put_answer(replace(GIFT, id="new", question="Is there a lift in the store?", similar_questions=()))
    assert answers(knowledge, "lift in the store")[0] == "new"
    knowledge.delete_answer("new")
    assert "new" not in answers(other, "lift in the store")


def test_a_second_start_embeds_nothing_and_finds_the_same(knowledge, url, tmp_path):
    expected = knowledge.find_passages("kettle message E1", 5, TODAY)
    knowledge.close()
    letters = Letters()
    again = Knowledge(Store.open(url), [letters], tmp_path / "home").load()
    assert letters.seen == []
    assert again.find_passages("kettle message E1", 5, TODAY) == expected


def test_lost_indexes_are_made_again_from_the_database_without_embedding(knowledge, url, tmp_path):
    expected = knowledge.find_answers("gift cards", 5, TODAY)
    knowledge.close()
    for path in (tmp_path / "home" / "index").rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:50])
    letters = Letters()
    again = Knowledge(Store.open(url), [letters], tmp_path / "home").load()
    assert letters.seen == []
    assert again.find_answers("gift cards", 5, TODAY) == expected


def test_what_encoders_load_for_their_first_text_is_loaded_before_a_customer_asks(url, tmp_path):
    readers = [Letters(), Letters()]
    Knowledge(Store.open(url), readers, tmp_path / "home").load().warm_up()
    assert [len(one.seen) for one in readers] == [1, 1]


def test_an_empty_document_is_refused(knowledge):
    with pytest.raises(DataError, match="no text"):
        knowledge.ingest_text("title", "  ")


def test_killed_in_the_middle_of_an_ingest_nothing_acknowledged_is_lost(url, tmp_path):
    """The process is killed while it embeds: the rows are in the database, the next start indexes them."""
    (tmp_path / "faq.csv").write_text("question,answer\n" + "".join(f"question number {n}?,a{n}\n" for n in range(300)))
    code = textwrap.dedent(f"""
        import sys
        from pathlib import Path
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from test_knowledge import Letters
        from apps.chatbot.knowledge import Knowledge
        from apps.chatbot.store import Store
        class Slow(Letters):
            def encode(self, texts):
                print("embedding", flush=True)
                sys.stdin.read(1)
                return super().encode(texts)
        knowledge = Knowledge(Store.open({url!r}), [Slow()], Path({str(tmp_path / "home")!r})).load()
        knowledge.ingest([Path({str(tmp_path / "faq.csv")!r})])
    """)
    root = Path(__file__).parents[2]
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, cwd=root) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"embedding\n"
        os.kill(process.pid, signal.SIGKILL)
    knowledge = Knowledge(Store.open(url), [Letters()], tmp_path / "home").load()
    assert knowledge._store.counts()["answers"] == 300
    assert len(answers(knowledge, "question number 250?")) == 5
    assert knowledge.find_answers("question number 250?", 1, TODAY)[0].record.answer == "a250"


def test_a_text_is_to_the_point_when_the_languages_encoder_finds_it_near_and_other_encoders_are_not_asked(tmp_path):
    class Fixed:
        dim, languages = 2, ("en",)

        def __init__(self, name):
            self.name = name

        def encode(self, texts, on_event=None):
            near = {"When do you open?": (1.0, 0.0), "At nine.": (0.6, 0.8), "Lamps are warm.": (0.1, 0.995)}
            return np.array([near[text] for text in texts], np.float32)

    knowing = Knowledge(Store.open(f"sqlite:///{tmp_path / 'k.db'}"), [Fixed("all-minilm-l6-v2")])
    assert knowing.to_the_point("When do you open?", "At nine.", "en")
    assert not knowing.to_the_point("When do you open?", "Lamps are warm.", "en")
    unknown = Knowledge(Store.open(f"sqlite:///{tmp_path / 'o.db'}"), [Fixed("another")])
    assert unknown.to_the_point("When do you open?", "Lamps are warm.", "en")
