import random

import numpy as np
import pytest

from core.errors import DataError
from core.retrieval.lexical import LexicalIndex
from core.text import lexical_tokens

TEXTS = {
    "a": "How long does delivery to Singapore take?",
    "b": "Can I return an opened packet of tea?",
    "c": "退货需要多久才能收到退款？",
    "d": "送货到马来西亚要多少钱",
    "e": "The Ember kettle shows error E1",
}
WORDS = ["kettle", "tea", "lamp", "return", "refund", "delivery", "warranty", "order", "cancel"]
WORDS += ["退货", "退款", "送货", "灯", "茶壶", "保修", "point", "voucher"]


def built(texts: dict[str, str]) -> LexicalIndex:
    index = LexicalIndex()
    index.add(list(texts), list(texts.values()))
    return index


def made_up(count: int, seed: int = 3) -> dict[str, str]:
    rng = random.Random(seed)
    return {str(row): " ".join(rng.choices(WORDS, k=rng.randint(3, 30))) for row in range(count)}


def all_scores(index: LexicalIndex, query: str, count: int) -> dict[str, float]:
    return {hit.id: round(hit.score, 4) for hit in index.search(query, count)}


def test_scores_are_those_of_bm25s():
    import bm25s

    texts = made_up(300)
    reference = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    reference.index([lexical_tokens(text) for text in texts.values()], show_progress=False)
    for query in ("return the kettle", "退货 茶壶 refund", "灯的保修"):
        expected = reference.get_scores(lexical_tokens(query))
        ours = all_scores(built(texts), query, 300)
        assert ours
        assert ours == {str(row): round(float(score), 4) for row, score in enumerate(expected) if score > 0}


def test_english_and_chinese_questions_find_their_text():
    index = built(TEXTS)
    assert index.search("delivery time Singapore", 1)[0].id == "a"
    assert index.search("退货后多久退款", 1)[0].id == "c"
    assert index.search("ＥＭＢＥＲ　kettle", 1)[0].id == "e"
    assert index.search("退貨後多久退款", 1)[0].id == "c"  # traditional script
    assert index.search("zebra", 5) == []
    assert index.search("", 5) == []


def test_one_by_one_with_changes_equals_built_at_once():
    texts = made_up(1500)
    index = LexicalIndex()
    for one, text in texts.items():
        index.add([one], [text + " voucher"])
    index.update(list(texts)[::3], [texts[one] for one in list(texts)[::3]])
    index.delete(list(texts)[1::3])
    kept = {one: text if int(one) % 3 == 0 else text + " voucher" for one, text in texts.items() if int(one) % 3 != 1}
    for query in ("return the kettle", "退货 voucher"):
        assert all_scores(index, query, 2000) == all_scores(built(kept), query, 2000)
    assert len(index) == len(kept)
    ours, expected = (np.array(one.likeness("kettle 退货", list(kept))) for one in (index, built(kept)))
    assert ours == pytest.approx(expected)


def test_saved_is_loaded_and_still_changes(tmp_path):
    index = built(TEXTS)
    index.delete(["b"])
    index.save(tmp_path / "lexical.npz")
    loaded = LexicalIndex.load(tmp_path / "lexical.npz")
    assert loaded.hashes == index.hashes
    loaded.add(["f"], ["lamp warranty"])
    index.add(["f"], ["lamp warranty"])
    for query in (*TEXTS.values(), "lamp"):
        assert loaded.search(query, 9) == index.search(query, 9)


def test_an_empty_index_is_saved_loaded_and_filled(tmp_path):
    LexicalIndex().save(tmp_path / "empty.npz")
    loaded = LexicalIndex.load(tmp_path / "empty.npz")
    assert loaded.search("kettle", 3) == []
    loaded.add(["a"], ["kettle"])
    assert loaded.search("kettle", 3)[0].id == "a"


def test_a_torn_an_altered_and_a_foreign_file_are_refused(tmp_path):
    path = tmp_path / "lexical.npz"
    built(TEXTS).save(path)
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole.replace(b"\x01\x00", b"\x02\x00", 3), b"", b"nothing of ours"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match="built again"):
            LexicalIndex.load(path)
    path.write_bytes(whole)
    with pytest.raises(DataError, match="another tokenizer"):
        LexicalIndex.load(path, str.split)


def test_a_file_with_a_pickle_is_refused(tmp_path):
    path = tmp_path / "lexical.npz"
    np.savez(path, facts=np.array([{"evil": object}], dtype=object))
    with pytest.raises(DataError):
        LexicalIndex.load(path)


def test_a_filter_looks_as_deep_as_it_must():
    texts = {str(row): "kettle" for row in range(200)} | {"last": "kettle among many other words here"}
    assert [hit.id for hit in built(texts).search("kettle", 1, allowed=lambda one: one == "last")] == ["last"]


def test_ties_come_in_order_of_arrival():
    texts = {str(row): "kettle" for row in range(50)}
    assert [hit.id for hit in built(texts).search("kettle", 5)] == ["0", "1", "2", "3", "4"]


def test_coverage_and_resemblance_are_shares():
    index = built(TEXTS)
    (same, alike), (other, unlike) = index.likeness(TEXTS["a"], ["a", "c"])
    assert (same, alike) == (pytest.approx(1), pytest.approx(1))
    assert (other, unlike) == (0, 0)
    part, _ = index.likeness("Singapore zebra", ["a"])[0]
    assert 0 < part < 0.6  # the unknown word weighs as much as the rarest


def test_an_id_that_is_there_already_is_refused():
    index = built(TEXTS)
    with pytest.raises(DataError, match="'a' is in the index already"):
        index.add(["a"], ["again"])
