"""The reader on tiny real models: order, languages, companies, abstaining, explanations, and which model it takes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from apps.monitor.companies import Company
from apps.monitor.explanation import Variant, weights, without, words
from apps.monitor.gazetteer import Gazetteer
from apps.monitor.labelled import LabelledItem, located
from apps.monitor.lessons import LABELS, lessons
from apps.monitor.measures.held import abstain_below, held_figures
from apps.monitor.reading import NewsReader, load_reader
from apps.monitor.reading_models import AdaptedModel, Answered, LinearModel, Pointed, clause
from apps.monitor.recipes import reader as reader_recipe
from apps.monitor.records import Label, NewsItem
from apps.monitor.settings import load_settings
from apps.monitor.shown import shown
from apps.monitor.topic_words import TopicWords
from core.errors import AdapterError, NotFoundError
from core.inference.classification import LabelledSpan
from core.models.adapters import AdapterRegistry
from core.runs import Run
from core.training.finetune import finetune
from tests import tiny

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TOPICS = ("credit", "market")
BAD, GOOD = ("falls", "fined", "下跌", "被罚"), ("rises", "wins", "上涨", "获奖")
GAZETTEER = Gazetteer(
    [Company("alba", "Alba Bank", ("Alba", "阿尔巴")), Company("cora", "Cora Foods", ("Cora", "科拉"))]
)


class Lexicon:
    """A model of a dozen words, so that a reader can see what the right answer is; counts what it was asked."""

    topics = TOPICS
    abstain_below: float | None = None
    topic_from: float | None = None

    def __init__(self, name: str = "lexicon") -> None:
        self.name, self.passes, self.asked = name, 0, 0

    def answer(self, texts: Sequence[str]) -> Answered:
        about = np.array([["debt" in text, "stock" in text] for text in texts], np.float32).reshape(-1, 2)
        names = [[LabelledSpan(at, at + 4, "ORG", 0.9)] if (at := text.find("Zeta")) >= 0 else [] for text in texts]
        return Answered(self.moods(texts), about * 0.9, names)

    def moods(self, texts: Sequence[str]) -> np.ndarray:
        self.passes, self.asked = self.passes + 1, self.asked + len(texts)
        return np.array([_mood(text) for text in texts], np.float32).reshape(-1, 3)

    def towards(self, pointed: Sequence[Pointed]) -> np.ndarray:
        return self.moods([self.pointing(one) for one in pointed])

    def pointing(self, pointed: Pointed) -> str:
        return clause(pointed.text, pointed.start, pointed.end)


def _mood(text: str) -> tuple[float, float, float]:
    bad, good = sum(word in text for word in BAD), sum(word in text for word in GOOD)
    return (0.8, 0.1, 0.1) if bad > good else (0.1, 0.1, 0.8) if good > bad else (0.3, 0.45, 0.25)


def news(id: str, title: str, text: str = "", language: str = "") -> NewsItem:
    return NewsItem(id, "desk", title, text, "", None, NOW, language)


def made(**models: Lexicon) -> NewsReader:
    given = models or {"en": Lexicon()}
    table = {said: (lambda model=model: model) for said, model in given.items()}
    return NewsReader({"": next(iter(table.values())), **table}, GAZETTEER, TOPICS)  # type: ignore[arg-type]


def test_readings_come_in_the_order_of_the_items_whatever_their_language() -> None:
    english, chinese = Lexicon("en-model"), Lexicon("zh-model")
    reader = made(en=english, zh=chinese)
    items = [news("1", "Alba falls"), news("2", "阿尔巴上涨"), news("3", "Cora rises"), news("4", "今天科拉被罚了")]
    found = reader.read(items)
    assert [one.item_id for one in found] == ["1", "2", "3", "4"]
    assert [one.language for one in found] == ["en", "zh", "en", "zh"]
    assert [one.model for one in found] == ["en-model", "zh-model", "en-model", "zh-model"]
    assert [one.sentiment.label for one in found] == ["negative", "positive", "positive", "negative"]
    assert english.passes == chinese.passes == 1  # one pass each: every text names one company


def test_a_stated_language_is_believed() -> None:
    (found,) = made(en=Lexicon("en"), zh=Lexicon("zh")).read([news("1", "Alba", language="zh")])
    assert found.model == "zh"


def test_each_of_several_companies_has_its_own_mood_and_all_are_asked_in_one_go() -> None:
    model = Lexicon()
    items = [news("1", "Alba rises, Cora falls on debt"), news("2", "Cora wins; Alba is fined")]
    first, second = made(en=model).read(items)
    assert [(one.company, one.sentiment.label) for one in first.companies] == [
        ("alba", "positive"),
        ("cora", "negative"),
    ]
    assert [(one.company, one.sentiment.label) for one in second.companies] == [
        ("cora", "positive"),
        ("alba", "negative"),
    ]
    assert (model.passes, model.asked) == (2, 6)
    assert [one.topic for one in first.topics] == ["credit"]


def test_the_trades_own_words_help_a_head_that_is_unsure_but_a_companys_name_does_not() -> None:
    class Unsure(Lexicon):
        topic_from = 0.25

        def answer(self, texts: Sequence[str]) -> Answered:
            return replace(super().answer(texts), topics=np.full((len(texts), 2), 0.15, np.float32))

    gazetteer = Gazetteer([Company("shorehill", "Shorehill Credit", ("岸山信用",))])
    reader = NewsReader({"": Unsure}, gazetteer, TOPICS)
    items = [
        news("1", "Alba pays a coupon"),
        news("2", "阿尔巴逾期"),
        news("3", "Shorehill Credit moves"),
        news("4", "岸山信用搬家"),
    ]
    found = [[one.topic for one in each.topics] for each in reader.read(items)]
    assert found == [["credit"], ["credit"], [], []]
    (score,) = reader.read(items[:1])[0].topics
    assert score.probability == pytest.approx(0.324, abs=0.001)


def test_a_topic_no_model_knows_is_told_by_a_teams_own_words() -> None:
    reader = NewsReader({"": Lexicon}, GAZETTEER, (*TOPICS, "supply"), words=TopicWords({"supply": ["wafer*", "缺货"]}))
    first, second, third = reader.read([news("1", "Wafers are short"), news("2", "门店缺货"), news("3", "Alba rises")])
    assert [one.topic for one in first.topics] == [one.topic for one in second.topics] == ["supply"]
    assert third.topics == ()


def test_mentions_point_into_the_full_text_as_written() -> None:
    item = news("1", "Up &amp; down:  Ａｌｂａ  falls https://example.org/x", "Later   Cora rises.")
    (found,) = made().read([item])
    for one in found.companies:
        assert item.full_text[one.start : one.end] == one.name
    assert [one.name for one in found.companies] == ["Ａｌｂａ", "Cora"]


def test_a_company_nobody_listed_keeps_its_surface_form() -> None:
    (found,) = made().read([news("1", "Zeta wins")])
    assert [(one.company, one.sentiment.label) for one in found.companies] == [("Zeta", "positive")]


def test_it_abstains_below_the_bar_of_settings_or_adapter() -> None:
    model = Lexicon()
    assert made(en=model).read([news("1", "Alba meets")])[0].abstained  # 0.45 is under a half
    model.abstain_below = 0.4
    assert not made(en=model).read([news("1", "Alba meets")])[0].abstained
    strict = NewsReader({"": lambda: model}, GAZETTEER, TOPICS, abstain_below=0.9)
    assert strict.read([news("1", "Alba falls")])[0].abstained


def test_topics_the_settings_do_not_name_are_not_told() -> None:
    reader = NewsReader({"": lambda: Lexicon()}, GAZETTEER, ("market",))
    (found,) = reader.read([news("1", "Alba stock and debt")])
    assert [one.topic for one in found.topics] == ["market"]


def test_odd_texts_are_read_and_lose_no_other() -> None:
    items = [
        news("1", "https://example.org/only-a-link"),
        news("2", "😀😀"),
        news("3", "x" * 9000),
        news("4", "Alba falls"),
    ]
    found = made().read(items)
    assert len(found) == 4 and found[3].sentiment.label == "negative"
    assert made().read([]) == []


def test_the_word_that_decides_is_named_with_its_place() -> None:
    item = news("1", "Alba  falls after a long day")
    strongest = made().explain(item)[0]
    assert strongest.word == "falls" and item.full_text[strongest.start : strongest.end] == "falls"
    assert strongest.weight > 0
    zh = made(en=Lexicon(), zh=Lexicon()).explain(news("2", "阿尔巴股价下跌"))
    assert zh[0].word == "下跌"


def test_a_companys_explanation_is_about_its_own_mood() -> None:
    item = news("1", "Alba rises today, Cora falls on debt")
    alba, cora = made().explain(item, "alba"), made().explain(item, "cora")
    assert alba[0].word == "rises" and cora[0].word == "falls"
    assert "Alba" not in [one.word for one in alba]
    assert made().explain(item, "nobody") == []


def test_a_phrase_about_debts_moves_the_mood_of_a_text_about_one_company_and_is_named_as_why() -> None:
    reader, item = made(), news("1", "Alba is unable to repay")
    (said,) = reader.read([item])
    assert (said.sentiment.label, said.companies[0].sentiment.label) == ("negative", "negative")
    assert said.sentiment.negative < 0.8  # evidence, no verdict: the model held it for neutral
    assert {one.word for one in reader.explain(item)[:3]} == {"unable", "to", "repay"}
    assert {one.word for one in reader.explain(item, "alba")[:3]} == {"unable", "to", "repay"}
    (two,) = reader.read([news("2", "Alba waits, Cora is unable to repay")])
    assert two.sentiment.label == "neutral"  # whose debts they are is not known


def test_words_are_whole_and_a_cut_moves_what_stands_behind() -> None:
    text = "Net profit 净利润 fell 3.5%"
    assert [text[a:b] for a, b in words(text)] == ["Net", "profit", "净利润", "fell", "3.5%"]
    cut = without("Alba slowly rises", 5, 11)
    assert cut == Variant("Alba rises", 5, 7)
    assert (cut.moved(0), cut.moved(12)) == (0, 5)
    assert weights("...", lambda variants: np.zeros((len(variants), 3), np.float32)) == []


def test_what_is_shown_leads_back_to_the_original() -> None:
    text = "A&amp;B  up\n\n&#37; https://t.co/1 day"
    view = shown(text)
    assert view.text == "A&B up % day"
    for word in ("A&B", "up", "%", "day"):
        start = view.text.index(word)
        first, last = view.original(start, start + len(word))
        assert view.here(first, last) == (start, start + len(word))
    assert text[slice(*view.original(0, 3))] == "A&amp;B"
    assert shown("   ").text == "" and shown("ab" * 5000).text == "ab" * 1000


# --- the real models, tiny


ITEMS = [
    LabelledItem(f"{n}", text, language, label, topics, (located(text, name, label),))
    for n, (text, language, label, topics, name) in enumerate(
        [
            ("Alba falls", "en", Label.NEGATIVE, ("credit",), "Alba"),
            ("Cora rises", "en", Label.POSITIVE, ("market",), "Cora"),
            ("Alba meets", "en", Label.NEUTRAL, (), "Alba"),
            ("科拉被罚", "zh", Label.NEGATIVE, ("credit",), "科拉"),
            ("科拉上涨", "zh", Label.POSITIVE, ("market",), "科拉"),
            ("阿尔巴开会", "zh", Label.NEUTRAL, (), "阿尔巴"),
        ]
        * 4
    )
]


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.encoder(tmp_path_factory.mktemp("base") / "tiny-encoder")


@pytest.fixture(scope="module")
def adapter(encoder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    recipe = reader_recipe(TOPICS, small=True).where(
        epochs=12, learning_rate=0.01, batch_size=12, rank=8, alpha=8.0, max_tokens=64, patience=0, dropout=0.0
    )
    examples = list(lessons(ITEMS, topics=TOPICS))
    run = Run(tmp_path_factory.mktemp("run"))
    result = finetune("heads", encoder, examples, examples, recipe.options, run, heads=recipe.heads, plan=tiny.PLAN)
    return result.adapter


def test_an_adapted_model_reads_what_it_was_taught(encoder: Path, adapter: Path) -> None:
    model = AdaptedModel("tiny", encoder, adapter, tiny.PLAN)
    figures = held_figures(model, ITEMS, TOPICS)
    assert figures.text_macro_f1 is not None and figures.text_macro_f1 > 0.8
    assert figures.company_macro_f1 is not None and figures.company_macro_f1 > 0.8
    assert figures.topics_micro_f1 is not None and figures.topics_micro_f1 > 0.6
    assert model.pointing(Pointed("Alba falls", "Alba", 0, 4)) == "[[Alba]] falls"
    assert model.answer([]).moods.shape == (0, 3)


def test_an_adapter_of_another_trade_is_refused(encoder: Path, adapter: Path, tmp_path: Path) -> None:
    import json
    import shutil

    other = tmp_path / "other"
    shutil.copytree(adapter, other)
    record = json.loads((other / "task.json").read_text())
    record["heads"]["heads"][0]["labels"] = ["up", "side", "down"]
    (other / "task.json").write_text(json.dumps(record))
    with pytest.raises(AdapterError, match="no reader of news"):
        AdaptedModel("other", encoder, other, tiny.PLAN)


class Letters:
    """Vectors of how often a text holds each of a few words: an embedder whose right answers are evident."""

    name, languages, dim = "letters", ("en", "zh"), len((*BAD, *GOOD)) + 1

    def encode(self, texts: Sequence[str], on_event: object = None) -> np.ndarray:
        rows = [[float(word in text) for word in (*BAD, *GOOD)] + [0.1] for text in texts]
        found = np.array(rows, np.float32).reshape(len(texts), self.dim)
        return found / np.linalg.norm(found, axis=1, keepdims=True)


def test_linear_heads_learn_are_kept_and_come_back_the_same(tmp_path: Path) -> None:
    model = LinearModel.fit("linear", Letters(), ITEMS)  # type: ignore[arg-type]
    assert [LABELS[n] for n in model.moods(["Alba falls", "Cora rises"]).argmax(1)] == ["negative", "positive"]
    mixed = "Alba falls, Cora rises"
    told = model.towards([Pointed(mixed, "Alba", 0, 4), Pointed(mixed, "Cora", 12, 16)])
    assert [LABELS[n] for n in told.argmax(1)] == ["negative", "positive"]
    model.save(tmp_path / "kept")
    again = LinearModel.load("linear", tmp_path / "kept", Letters())  # type: ignore[arg-type]
    assert np.array_equal(again.answer([mixed]).topics, model.answer([mixed]).topics)


def test_settings_choose_the_adapter_that_fits_the_base(encoder: Path, adapter: Path, home: Path) -> None:
    registry = AdapterRegistry(home)
    kept = registry.add("market-reader-light", adapter, encoder)
    registry.promote("market-reader-light", kept.version, encoder)
    overrides = {"monitor.reading.english_model": str(encoder), "monitor.reading.chinese_model": str(encoder)}
    settings = load_settings(overrides={**overrides, "models.dtype": "float32", "models.threads": 1})
    reader = load_reader(settings)
    assert reader.model.startswith("market-reader-light@")
    (found,) = reader.read([news("1", "Alba falls")])
    assert found.model == reader.model and found.sentiment.label == "negative"


def test_a_named_adapter_that_is_not_there_is_said_so(encoder: Path) -> None:
    overrides = {"monitor.reading.english_model": str(encoder), "monitor.reading.english_adapter": "mine"}
    reader = load_reader(load_settings(overrides=overrides))
    with pytest.raises(NotFoundError, match="'mine'"):
        reader.read([news("1", "Alba falls")])


def test_the_bar_lies_where_nine_in_ten_are_right_and_leaves_at_most_a_fifth_open() -> None:
    confidence = np.linspace(0.4, 0.99, 100)
    right = np.arange(100) >= 20
    assert abstain_below(confidence, right) == pytest.approx(confidence[12])  # 80 of 88 are right
    assert abstain_below(confidence, np.ones(100, bool)) == 0.0
    assert abstain_below(confidence, np.zeros(100, bool)) == pytest.approx(confidence[20])


def test_the_bar_of_training_is_read_from_the_adapter(encoder: Path, adapter: Path, tmp_path: Path) -> None:
    import shutil

    from apps.monitor.training import note_habits

    own = tmp_path / "own"
    shutil.copytree(adapter, own)
    note_habits(own, {"marking": "prefix", "abstain_below": 0.7})
    model = AdaptedModel("own", encoder, own, tiny.PLAN)
    assert (model.marking, model.abstain_below) == ("prefix", 0.7)
    assert replace(Pointed("Alba falls", "Alba", 0, 4)) and model.pointing(Pointed("Alba falls", "Alba", 0, 4)) == (
        "Alba: Alba falls"
    )
