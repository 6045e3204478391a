"""Vectors are unit float32 rows, the same alone and in any batch, in the order of the texts, in two languages."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.errors import AdapterError, DataError
from core.events import Progress
from core.inference.buckets import buckets
from core.inference.embedding import Embedder, WaitingEmbedder, load_embedder
from core.runs import Run
from core.training.examples import TextPair
from core.training.finetune import finetune
from core.training.options import TrainingOptions
from tests import tiny

TEXTS = ["how do I return it?", "hi", "", "水壶怎么退货？", "a long text, " * 30, "hi", " \n", "ｆｕｌｌ"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("bases")
    return {"encoder": tiny.encoder(root / "tiny-encoder"), "generator": tiny.causal_lm(root / "tiny-lm")}


@pytest.fixture(params=["encoder", "generator"])
def embedder(request: pytest.FixtureRequest, folders: dict[str, Path], home: Path) -> Embedder:
    return load_embedder(str(folders[request.param]), home, tiny.PLAN)


def test_rows_are_unit_float32_in_the_order_of_the_texts(embedder: Embedder) -> None:
    rows = embedder.encode(TEXTS)
    assert rows.shape == (len(TEXTS), embedder.dim) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert (rows[1] == rows[5]).all() and not np.allclose(rows[0], rows[3])


def test_a_text_has_the_same_vector_alone_and_in_a_batch(embedder: Embedder) -> None:
    together = embedder.encode(TEXTS)
    alone = np.concatenate([embedder.encode([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-5)


def test_no_texts_give_no_rows(embedder: Embedder) -> None:
    assert embedder.encode([]).shape == (0, embedder.dim)


def test_a_waiting_embedder_is_the_same_and_loaded_once_when_there_is_a_text(folders, home: Path) -> None:
    name, loads = str(folders["encoder"]), []

    def load() -> Embedder:
        loads.append(load_embedder(name, home, tiny.PLAN))
        return loads[-1]

    waiting = WaitingEmbedder(name, None, load)
    assert waiting.encode([]).shape == (0, waiting.dim) and not loads
    rows = waiting.encode(TEXTS)
    assert (waiting.encode(TEXTS) == rows).all() and len(loads) == 1
    (plain,) = loads
    assert (waiting.name, waiting.dim, waiting.languages) == (plain.name, plain.dim, plain.languages)
    assert (plain.encode(TEXTS) == rows).all()


def test_long_work_reports_its_progress(embedder: Embedder) -> None:
    events: list[object] = []
    embedder.encode([f"text {number}" for number in range(100)], events.append)
    assert events[-1] == Progress("embedding", 100, 100)


def test_a_folder_that_pools_by_its_first_token_is_pooled_so(folders: dict[str, Path], home: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(folders["encoder"], home / "bge"))
    (copy / "1_Pooling").mkdir()
    (copy / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode_cls_token": True}))
    (copy / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 8}))
    first, mean = load_embedder(str(copy), home, tiny.PLAN), load_embedder(str(folders["encoder"]), home, tiny.PLAN)
    assert not np.allclose(first.encode(["word"]), mean.encode(["word"]), atol=1e-3)
    assert np.allclose(first.encode(["abcdefgh"]), first.encode(["abcdefxyz"]), atol=1e-6)  # both cut to abcdef


def test_a_contrastive_adapter_changes_the_vectors_and_is_bound_to_its_base(
    folders: dict[str, Path], home: Path, tmp_path: Path
) -> None:
    options = TrainingOptions(epochs=2, learning_rate=0.02, rank=4, alpha=4, max_tokens=64)
    (tmp_path / "run").mkdir()
    pairs = [TextPair(text, other) for text, other in (("yes", "是"), ("no", "否"), ("maybe", "也许"))]
    result = finetune("contrastive", folders["encoder"], pairs, pairs, options, Run(tmp_path / "run"), plan=tiny.PLAN)
    plain = load_embedder(str(folders["encoder"]), home, tiny.PLAN)
    tuned = load_embedder(str(folders["encoder"]), home, tiny.PLAN, adapter=result.adapter)
    assert not np.allclose(plain.encode(["yes"]), tuned.encode(["yes"]), atol=1e-3)
    assert tuned.name != plain.name  # so that no cache mixes the two
    with pytest.raises(AdapterError, match="trained on 'tiny-encoder', which is not 'tiny-lm'"):
        load_embedder(str(folders["generator"]), home, tiny.PLAN, adapter=result.adapter)


def test_buckets_hold_each_text_once_and_keep_their_room() -> None:
    lengths = [3, 900, 5, 5000, 4, 30, 31, 3, 800]
    batches = buckets(lengths, most_tokens=1000, most_rows=3)
    assert sorted(number for batch in batches for number in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[number] for number in batch)
        assert len(batch) <= 3 and (longest * len(batch) <= 1000 or len(batch) == 1)


@pytest.mark.bundled
def test_the_multilingual_encoder_brings_equal_meanings_of_two_languages_together(home: Path, tmp_path: Path) -> None:
    embedder = load_embedder("use-multilingual-v3", home, tiny.PLAN)
    rows = embedder.encode(["How do I return a kettle?", "水壶怎么退货？", "明天会下雨吗？", ""])
    assert rows.shape == (4, 512) and rows.dtype == np.float32
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2
    assert np.allclose(rows[1], embedder.encode(["水壶怎么退货？"])[0], atol=1e-5)
    assert embedder.encode([]).shape == (0, 512)
    with pytest.raises(DataError, match="takes no adapter"):
        load_embedder("use-multilingual-v3", home, tiny.PLAN, adapter=tmp_path)


@pytest.mark.bundled
def test_minilm_agrees_with_sentence_transformers_published_similarity(home: Path) -> None:
    embedder = load_embedder("all-minilm-l6-v2", home, replace(tiny.PLAN, dtype="bfloat16"))
    # sentences and similarities of the model card of sentence-transformers/all-MiniLM-L6-v2's documentation page
    rows = embedder.encode(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    published = np.array([[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]])
    assert embedder.languages == ("en",)
    assert np.allclose(rows @ rows.T, published, atol=1e-3)
