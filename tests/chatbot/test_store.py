import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from apps.chatbot.records import (
    ApprovedAnswer,
    Audience,
    ConversationState,
    Decision,
    Dialogue,
    Document,
    Evidence,
    EvidenceKind,
    Feedback,
    Handover,
    IngestReport,
    Message,
    Outcome,
    Passage,
    Rating,
    Reason,
    Role,
    Status,
    Turn,
)
from apps.chatbot.store import MIGRATIONS, Store
from apps.chatbot.store_tables import Base
from core.errors import ConflictError, NotFoundError
from core.migrations import differences

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
ANSWER = ApprovedAnswer(
    "a1", "多久送到？", "两到四个工作日。", ("几天到",), "orders", "delivery_time", "zh", date(2026, 1, 1), None,
    Status.APPROVED, "faq.csv", NOW,
)  # fmt: skip
DOCUMENT = Document(
    "d1", "Ember kettle", "# Ember kettle\nE1 is dry-boil.", "kettle.md", audience=Audience.STAFF, created_at=NOW
)
PASSAGE = Passage("p1", "d1", "Ember kettle", "", "E1 is dry-boil.", 15, 30, audience=Audience.STAFF)
EVIDENCE = Evidence("p1", EvidenceKind.PASSAGE, 1, "Ember kettle", "E1 是干烧", 0.5, 1, None, "d1", 15, 30)
DECISION = Decision(Outcome.COMPOSE, Reason.GROUNDED_PASSAGES, 0.9, "care", 0.8, (), (EVIDENCE,))


@pytest.fixture
def store(tmp_path: Path):
    opened = Store.open(f"sqlite:///{tmp_path / 'shop.db'}")
    yield opened
    opened.close()


def message(id_: str, role: Role = Role.CUSTOMER, minutes: int = 0, **more) -> Message:
    return Message(id_, "c1", role, f"text of {id_}", NOW + timedelta(minutes=minutes), "en", **more)


def handover(id_: str = "h1") -> Handover:
    return Handover(id_, "c1", Reason.COMPLAINT, "angry", "the transcript", NOW)


def test_migrations_and_tables_agree(store):
    assert differences(store._database, Base.metadata) == []
    assert sorted(path.name for path in MIGRATIONS.glob("0*.py"))[0] == "0001_first_tables.py"


def test_answers_come_back_as_they_went_in(store):
    assert store.put_answers([ANSWER]) == IngestReport(added=1)
    assert store.answer("a1") == ANSWER
    assert store.answers() == [ANSWER]


def test_putting_again_tells_unchanged_from_updated_and_keeps_the_day(store):
    store.put_answers([ANSWER])
    later = replace(ANSWER, created_at=NOW + timedelta(days=1))
    assert store.put_answers([later]) == IngestReport(unchanged=1)
    assert store.put_answers([replace(later, answer="三天。")]) == IngestReport(updated=1)
    assert store.answer("a1") == replace(ANSWER, answer="三天。")
    assert store.put_answers([replace(ANSWER, id="x"), replace(ANSWER, id="x")]) == IngestReport(added=1, unchanged=1)


def test_answers_are_listed_by_status_and_searched_in_all_their_words(store):
    others = [
        replace(ANSWER, id="a2", question="100% refund?", answer="Yes", similar_questions=(), status=Status.PENDING),
        replace(ANSWER, id="a3", question="Returns", answer="30 days", similar_questions=("退货政策",)),
    ]
    store.put_answers([ANSWER, *others])
    assert [one.id for one in store.answers(status=Status.PENDING)] == ["a2"]
    assert [one.id for one in store.answers(search="退货")] == ["a3"]
    assert [one.id for one in store.answers(search="100%")] == ["a2"]
    assert [one.id for one in store.answers(search="RETURNS")] == ["a3"]
    assert [one.id for one in store.answers(limit=1, offset=1)] == ["a2"]


def test_a_rejected_answer_is_not_mined_again(store):
    mined = replace(ANSWER, id="m1", status=Status.PENDING)
    assert store.add_pending([mined]).added == 1
    store.put_answers([replace(mined, status=Status.REJECTED)])
    assert store.add_pending([mined]).added == 0
    assert store.answer("m1").status is Status.REJECTED


def test_documents_carry_their_passages_and_take_them_along(store):
    second = replace(PASSAGE, id="p2", text="dry-boil.", start=21)
    assert store.put_documents([(DOCUMENT, [second, PASSAGE])]) == IngestReport(added=1)
    assert store.document("d1") == DOCUMENT
    assert store.passages("d1") == [second, PASSAGE]
    assert store.put_documents([(replace(DOCUMENT, title="Ember"), [PASSAGE])]) == IngestReport(updated=1)
    assert store.passages() == [PASSAGE]
    store.delete_document("d1")
    assert store.passages() == store.documents() == []


def test_dialogues_come_back_as_they_went_in(store):
    turns = (Turn(Role.CUSTOMER, "hi"), Turn(Role.AGENT, "你好"))
    dialogue = Dialogue("x1", turns, "zh", True, 5, "stock", NOW, "chat")
    assert store.put_dialogues([dialogue]).added == 1
    assert store.put_dialogues([dialogue]).unchanged == 1
    assert store.dialogues() == [dialogue]


def test_every_change_of_knowledge_counts_up_and_reading_does_not(store):
    seen = [store.knowledge_version()]
    for change in (
        lambda: store.put_answers([ANSWER]),
        lambda: store.put_documents([(DOCUMENT, [PASSAGE])]),
        lambda: store.delete_answer("a1"),
        lambda: store.delete_document("d1"),
    ):
        change()
        seen.append(store.knowledge_version())
    store.answers(), store.documents(), store.passages()
    assert seen == sorted(set(seen))
    assert store.knowledge_version() == seen[-1]


def test_counts_say_how_much_is_known(store):
    assert not any(store.counts().values())
    store.put_answers([ANSWER, replace(ANSWER, id="a2", status=Status.PENDING)])
    store.put_documents([(DOCUMENT, [PASSAGE])])
    expected = {"answers": 1, "pending": 1, "rejected": 0, "documents": 1, "passages": 1, "dialogues": 0}
    assert store.counts() == expected


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.answer("none"),
        lambda store: store.delete_answer("none"),
        lambda store: store.document("none"),
        lambda store: store.passages("none"),
        lambda store: store.conversation("none"),
        lambda store: store.add_message(message("m")),
        lambda store: store.release("none"),
        lambda store: store.add_feedback(Feedback("none", Rating.UP)),
    ],
)
def test_unknown_ids_are_told_in_a_sentence(store, ask):
    with pytest.raises(NotFoundError, match=r"There is no .*\.$"):
        ask(store)


def test_a_message_keeps_its_decision_evidence_and_latency(store):
    store.create_conversation("c1", "en", NOW)
    bot = message("m2", Role.ASSISTANT, decision=DECISION, latency_ms={"understand": 12.5}, reply_to="m1")
    store.add_message(message("m1", minutes=1))
    store.add_message(bot)  # an earlier clock does not change the order of arrival
    assert store.messages("c1") == [message("m1", minutes=1), bot]
    assert store.messages_since(NOW + timedelta(seconds=1)) == [message("m1", minutes=1)]
    assert store.conversation("c1").updated_at == NOW + timedelta(minutes=1)


def test_conversations_are_listed_newest_first(store):
    for number in range(3):
        store.create_conversation(f"c{number}", "en", NOW + timedelta(minutes=number))
    store.add_message(message("m1", minutes=9))
    assert [one.id for one in store.conversations(2)] == ["c1", "c2"]
    with pytest.raises(ConflictError):
        store.create_conversation("c1", "en", NOW)


def test_a_handover_pauses_the_bot_until_it_is_released(store):
    store.create_conversation("c1", "en", NOW)
    store.add_message(message("m1", Role.ASSISTANT), handover())
    assert store.conversation("c1").state is ConversationState.PERSON
    assert store.handovers() == [handover()]
    store.add_message(message("m2", Role.ASSISTANT), handover("h2"))  # no loop: one open hand-over at most
    assert store.handovers() == [handover()]
    released = store.release("c1", message("m3", Role.ASSISTANT, minutes=5))
    assert released.state is ConversationState.BOT
    assert store.handovers() == []
    assert store.handovers(open_only=False)[0].released_at == NOW + timedelta(minutes=5)
    assert [one.id for one in store.messages("c1")] == ["m1", "m2", "m3"]
    with pytest.raises(ConflictError):
        store.release("c1", message("m4", Role.ASSISTANT))
    assert len(store.messages("c1")) == 3


def test_when_the_handover_cannot_be_kept_neither_is_the_message(store):
    store.create_conversation("c1", "en", NOW)
    store.create_conversation("c2", "en", NOW)
    store.add_message(message("m1", Role.ASSISTANT), handover())
    with pytest.raises(ConflictError):
        store.add_message(replace(message("m2"), conversation_id="c2"), replace(handover(), conversation_id="c2"))
    assert store.messages("c2") == []
    assert store.conversation("c2").state is ConversationState.BOT


def test_a_second_thumb_replaces_the_first_and_only_bot_messages_are_rated(store):
    store.create_conversation("c1", "en", NOW)
    store.add_message(message("m1"))
    store.add_message(message("m2", Role.ASSISTANT))
    store.add_feedback(Feedback("m2", Rating.UP, created_at=NOW))
    down = Feedback("m2", Rating.DOWN, "wrong", "it is 5 days", NOW + timedelta(minutes=1))
    store.add_feedback(down)
    assert store.feedback_since(NOW) == [down]
    with pytest.raises(NotFoundError):
        store.add_feedback(Feedback("m1", Rating.UP))


def test_the_newest_thresholds_of_each_kind_are_given(store):
    first = [{"language": "en", "kind": kind, "threshold": 0.5, "curve": [[0, 1]]} for kind in ("answer", "passage")]
    store.save_thresholds(first)
    store.save_thresholds([first[0] | {"threshold": 0.7}])
    assert store.thresholds() == [first[1], first[0] | {"threshold": 0.7}]


def test_many_threads_write_without_losing_anything(store):
    store.create_conversation("c1", "en", NOW)

    def write(worker: int) -> None:
        for number in range(10):
            store.add_message(message(f"{worker}-{number}"))

    threads = [threading.Thread(target=write, args=(worker,)) for worker in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(store.messages("c1")) == 60


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    code = f"""
import os, signal
from apps.chatbot.records import ApprovedAnswer
from apps.chatbot.store import Store
store = Store.open({url!r})
for number in range(1000):
    store.put_answers([ApprovedAnswer(str(number), "q", "a")])
    print(number, flush=True)
    if number == 25:
        os.kill(os.getpid(), signal.SIGKILL)
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    acknowledged = ended.stdout.split()
    store = Store.open(url)
    assert ended.returncode < 0
    assert {one.id for one in store.answers(limit=2000)} >= set(acknowledged)
    assert len(acknowledged) == 26
    store.close()
