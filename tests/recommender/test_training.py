"""Training on a tiny encoder through the true path: examples, adapter, gate, model on the shelf, resuming, refusals."""

from pathlib import Path

import pytest

from apps.recommender.encoding import ADAPTER, load_embedders
from apps.recommender.engine import Recommender
from apps.recommender.engine_files import text_model_of
from apps.recommender.interest_examples import choices, examples
from apps.recommender.model_shelf import ModelShelf
from apps.recommender.settings import RecommenderSettings, load_settings
from apps.recommender.splits import temporal
from apps.recommender.store import Store
from apps.recommender.training import SHARES, adapter_examples, finetune, passes
from core.errors import DataError, NotFoundError, SettingsError
from core.models.adapters import AdapterRegistry
from tests import tiny
from tests.recommender.small_shop import NOW, catalogue, checkerboard

QUICK = {"max_steps": 3, "batch_size": 8, "max_tokens": 24, "rank": 2}


@pytest.fixture
def settings(home: Path, tmp_path: Path) -> RecommenderSettings:
    """A shop in a database, and a tiny encoder in the place of both."""
    encoder = str(tiny.encoder(tmp_path / "tiny-encoder"))
    chosen = load_settings(overrides={"models.encoder": encoder, "models.multilingual_encoder": encoder})
    store = Store.open(chosen.database_address)
    store.put_items(catalogue())
    store.add_events(checkerboard(48))
    store.close()
    return chosen


def test_a_run_leaves_an_adapter_a_live_model_and_its_figures(settings: RecommenderSettings) -> None:
    run = finetune(settings, **QUICK)
    assert run.state == "done"
    assert {"ndcg10_tuned", "ndcg10_live", "after_loss"} <= set(run.report)
    assert run.read("data")["split_rule"] == "by time"  # type: ignore[index]
    registry = AdapterRegistry(settings.home)
    assert [one.manifest.task for one in registry.versions(ADAPTER) if one.version != "bundled"] == ["interest"]
    live = ModelShelf(settings.home).live()
    assert live is not None
    assert live.source == run.id
    engine = Recommender.load(live.path, load_embedders(settings, text_model=text_model_of(live.path)))
    assert engine.item_count == 16
    assert engine.user_count == 0
    engine.observe(checkerboard(48))
    assert engine.recommend(NOW, "p0").items[0].item.startswith("t")


def test_without_text_only_the_engine_is_fitted_and_unpromoted_stays_aside(settings: RecommenderSettings) -> None:
    run = finetune(settings, text=False, promote=False)
    assert (run.path / "model" / "state.npz").is_file()
    assert ModelShelf(settings.home).live() is None
    assert len(ModelShelf(settings.home).versions()) == 1


def test_the_gate_wants_better_lists_than_now() -> None:
    assert passes({"ndcg10_tuned": 0.2, "ndcg10_live": 0.1})
    assert not passes({"ndcg10_tuned": 0.1, "ndcg10_live": 0.1})
    assert not passes({})


def test_nothing_from_the_cut_on_is_learnt_from(settings: RecommenderSettings) -> None:
    events, options = checkerboard(48), load_settings_options(settings)
    train, held = adapter_examples(catalogue(), events, options, ("en", "zh"))
    cut = temporal(events, SHARES)[1][0].time
    items = {one.id: one for one in catalogue()}
    early = examples(choices([one for one in events if one.time < cut], options), items, ())
    assert train == early  # the same as if nothing later had ever happened
    assert held


def load_settings_options(settings: RecommenderSettings):  # a record of the engine
    from apps.recommender.engine_options import engine_options

    return engine_options(settings, catalogue())


def test_wrong_options_runs_and_empty_shops_are_one_sentence(settings: RecommenderSettings, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="Unknown training option 'epoch'; the nearest known is 'epochs'"):
        finetune(settings, epoch=3)
    with pytest.raises(NotFoundError, match="no run 'gone' to resume"):
        finetune(settings, resume="gone")
    bare = load_settings(overrides={"home": str(tmp_path / "bare")})
    with pytest.raises(DataError, match="0 items and 0 events"):
        finetune(bare)
