import threading
import time
from datetime import UTC, date, datetime

import numpy as np
import pytest

from core.retrieval.blending import PASSAGES, Blend, Likeness, group_score
from core.retrieval.entries import Entry
from core.retrieval.fusion import Reranker, reciprocal_rank_fusion
from core.retrieval.search import Search, SearchOptions
from core.text import lexical_tokens

TODAY = date(2026, 6, 1)
ENTRIES = [
    Entry("a#0", "a", "How long does delivery take?"),
    Entry("a#1", "a", "when will my parcel arrive"),
    Entry("b#0", "b", "Can I return opened tea?"),
    Entry("c#0", "c", "退款要多久", "zh"),
    Entry("d#0", "d", "Is there a spring delivery offer?", valid_from=date(2026, 3, 1), valid_until=date(2026, 5, 31)),
    Entry("e#0", "e", "Internal: how to refund a delivery by hand", audience="staff"),
]


class Topics:
    """A tiny real embedder: each dimension is a topic, so that synonyms meet without sharing a word."""

    TOPICS = (
        {"delivery", "parcel", "arrive", "deliveri", "arriv", "shipment", "送货"},
        {"return", "refund", "退款", "退货"},
        {"tea"},
    )

    def __init__(self, name: str = "topics", languages: tuple[str, ...] = ("en", "zh")) -> None:
        self.name, self.languages, self.dim, self.seen = name, languages, 4, []

    def encode(self, texts):
        self.seen += texts
        rows = [[sum(t in topic for t in lexical_tokens(text)) for topic in self.TOPICS] + [0.1] for text in texts]
        array = np.array(rows, np.float32).reshape(len(texts), 4)
        return array / np.linalg.norm(array, axis=1, keepdims=True)


def filled(*embedders, entries=ENTRIES, **more) -> Search:
    search = Search(embedders, **more)
    search.sync(entries)
    return search


def found(search: Search, query: str, **more) -> list[str]:
    return [one.id for one in search.search(query, 5, more.pop("now", TODAY), **more)]


def test_ranks_are_fused_by_their_reciprocals():
    fused = reciprocal_rank_fusion({"x": ["a", "b"], "y": ["b", "c"]}, {"y": 2})
    assert fused == pytest.approx({"b": 1 / 62 + 2 / 61, "c": 2 / 62, "a": 1 / 61})
    assert list(fused) == ["b", "c", "a"]


def test_a_lucky_wording_counts_half():
    texts = [Likeness("x", 0.9, 0, 0), Likeness("y", 0.5, 0, 1), Likeness("z", None, 1, 0)]
    assert group_score(texts, Blend(coverage=0.1, resemblance=0.2)) == pytest.approx(0.45 + (0.9 + 0.7 + 0.1) / 6)


def test_both_sides_are_told_with_their_ranks():
    best = filled(Topics()).search("how long until delivery", 3, TODAY)[0]
    assert (best.id, best.entry, best.lexical_rank, best.vector_rank) == ("a", "a#0", 1, 1)
    assert best.lexical_score > 0
    assert best.vector_score == pytest.approx(1, abs=0.01)
    assert 0 < best.coverage <= 1
    assert best.fused == pytest.approx(2 / 61)


def test_a_question_without_a_shared_word_is_found_by_meaning():
    best = filled(Topics()).search("shipment", 1, TODAY)[0]
    assert (best.id, best.lexical_rank, best.lexical_score) == ("a", None, None)
    assert best.vector_rank == 1


def test_words_alone_answer_when_there_is_no_embedder():
    best = filled().search("return opened tea", 1, TODAY)[0]
    assert (best.id, best.vector_rank, best.vector_score) == ("b", None, None)


def test_a_group_is_one_result():
    assert found(filled(Topics()), "delivery parcel arrive").count("a") == 1


def test_validity_is_enforced_to_the_day():
    search = filled(Topics())
    assert "d" in found(search, "spring delivery offer", now=date(2026, 5, 31))
    assert "d" in found(search, "spring delivery offer", now=datetime(2026, 5, 31, 23, 59, tzinfo=UTC))
    assert "d" not in found(search, "spring delivery offer", now=TODAY)
    assert "d" not in found(search, "spring delivery offer", now=date(2026, 2, 28))


def test_what_is_for_staff_is_not_found_by_customers():
    search = filled(Topics())
    assert "e" not in found(search, "internal refund delivery by hand")
    assert found(search, "internal refund delivery by hand", audiences=("customer", "staff"))[0] == "e"


def test_sync_does_only_what_differs():
    topics = Topics()
    search = filled(topics)
    assert not search.sync(ENTRIES)
    topics.seen.clear()
    changed = [ENTRIES[0], Entry("a#1", "a", "where is my shipment"), *ENTRIES[2:4], Entry("f#0", "f", "new lamp")]
    synced = search.sync(changed)
    assert (synced.added, synced.changed, synced.gone) == (1, 1, 2)
    assert sorted(topics.seen) == ["new lamp", "where is my shipment"]
    assert found(search, "lamp")[0] == "f"
    assert "b" in found(search, "tea")


def test_a_change_of_dates_alone_is_seen_and_embeds_nothing():
    topics = Topics()
    search = filled(topics)
    topics.seen.clear()
    ended = Entry("b#0", "b", "Can I return opened tea?", valid_until=date(2026, 5, 1))
    assert search.put([ended]).changed == 1
    assert topics.seen == []
    assert "b" not in found(search, "return opened tea")


def test_entries_are_put_and_deleted_one_by_one():
    search = filled(Topics())
    search.put([Entry("g#0", "g", "tea workshop")])
    assert found(search, "tea workshop")[0] == "g"
    assert search.delete(["g#0", "unknown"]).gone == 1
    assert "g" not in found(search, "tea workshop")


def test_a_text_goes_to_the_models_that_read_its_language():
    english, both = Topics("english", ("en",)), Topics("both")
    search = filled(english, both)
    assert "退款要多久" in both.seen
    assert "退款要多久" not in english.seen
    assert found(search, "退货", language="zh")[0] == "c"


def test_reopened_the_files_serve_and_nothing_is_embedded_again(tmp_path):
    folders = {"folder": tmp_path / "index", "cache_folder": tmp_path / "cache"}
    first = filled(Topics(), **folders)
    first.save()
    expected = first.search("delivery", 5, TODAY)
    topics = Topics()
    second = Search([topics], **folders).open()
    assert not second.sync(ENTRIES)
    assert topics.seen == []
    assert second.search("delivery", 5, TODAY) == expected


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(path.read_bytes()[:99])])
def test_lost_or_damaged_files_are_filled_from_the_database(tmp_path, damage):
    folders = {"folder": tmp_path / "index", "cache_folder": tmp_path / "cache"}
    first = filled(Topics(), **folders)
    first.save()
    for path in (tmp_path / "index").iterdir():
        damage(path)
    second = Search([Topics()], **folders).open()
    second.sync(ENTRIES)
    assert second.search("delivery", 5, TODAY) == first.search("delivery", 5, TODAY)


def test_files_older_than_the_database_are_brought_up_to_date(tmp_path):
    folders = {"folder": tmp_path / "index", "cache_folder": tmp_path / "cache"}
    filled(Topics(), entries=ENTRIES[:3], **folders).save()
    second = Search([Topics()], **folders).open()
    second.sync(ENTRIES[1:])
    assert found(second, "spring delivery offer", now=date(2026, 5, 1))[0] == "d"
    assert second.search("delivery", 9, TODAY) == filled(Topics(), entries=ENTRIES[1:]).search("delivery", 9, TODAY)


def test_when_embedding_fails_nothing_has_changed():
    class Broken(Topics):
        def encode(self, texts):
            raise RuntimeError("no memory")

    search = filled(Topics())
    search._indexes.embedders["topics"] = Broken()
    with pytest.raises(RuntimeError):
        search.put([Entry("g#0", "g", "tea workshop")])
    search._indexes.embedders["topics"] = Topics()
    assert "g" not in found(search, "tea workshop")
    assert len(search) == len(ENTRIES)


def test_passages_are_ordered_by_how_much_of_the_question_they_hold():
    entries = [
        Entry("1", "1", "tea"),
        Entry("2", "2", "The workshop costs 38 dollars and tea is served; you may cancel until two days before"),
    ]
    search = filled(Topics(), entries=entries, options=SearchOptions(blend=PASSAGES))
    assert found(search, "until when may I cancel the tea workshop?")[0] == "2"


def test_a_reranker_reorders_the_top_and_is_left_out_when_late():
    gate = threading.Event()

    def slow(query, texts):
        gate.wait(5)
        return range(len(texts))

    plain = found(filled(Topics()), "delivery tea refund")
    backwards = Reranker(lambda query, texts: range(len(texts)), top=3, deadline_s=5)
    assert found(filled(Topics(), reranker=backwards), "delivery tea refund") == plain[:3][::-1] + plain[3:]
    late = filled(Topics(), reranker=Reranker(slow, deadline_s=0.01))
    assert found(late, "delivery tea refund") == plain
    assert found(late, "delivery tea refund") == plain  # the late call is still at work
    gate.set()


def test_many_threads_search_while_entries_change():
    search, stop, problems = filled(Topics()), time.monotonic() + 1.0, []

    def ask():
        while time.monotonic() < stop:
            try:
                assert "a" in found(search, "delivery")
            except Exception as error:  # noqa: BLE001 - reported by the test
                problems.append(error)
                return

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for round_ in range(60):
        search.put([Entry(f"n{round_}", f"n{round_}", f"delivery number {round_}")])
        search.delete([f"n{round_ - 3}"])
    for thread in threads:
        thread.join()
    assert problems == []


@pytest.mark.parametrize("query", ["", "   ", "？？？", "🙂", "12345"])
def test_a_question_of_nothing_does_no_harm(query):
    filled(Topics()).search(query, 3, TODAY)
    assert Search([Topics()]).search(query, 3, TODAY) == []
