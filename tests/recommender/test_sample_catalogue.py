"""The sample's catalogue: two languages, twelve categories, texts written one by one that say what an item is about."""

import json
import re
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from apps.recommender.simulated_files import read_catalogue, read_themes

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "recommender"
ITEMS = read_catalogue(SAMPLE / "items.jsonl")
THEMES = read_themes(SAMPLE / "themes.csv")
TEST_DAYS = datetime(2026, 9, 24, tzinfo=UTC)


def sentences(text):
    return len(re.findall(r"[.!?。！？](?=[\s”\"]|$|[^\s.!?。！？])", text))


def test_the_catalogue_has_over_three_hundred_items_in_twelve_even_categories_and_both_languages():
    assert len(ITEMS) == len({item.id for item in ITEMS}) >= 300
    assert len({item.title for item in ITEMS}) == len(ITEMS)
    assert len({item.description for item in ITEMS}) == len(ITEMS)
    assert set(Counter(item.category for item in ITEMS).values()) == {28}
    assert len({item.category for item in ITEMS}) == 12
    languages = Counter(item.language for item in ITEMS)
    assert languages["en"] >= 150 and languages["zh"] >= 150 and languages[""] >= 20


def test_every_item_is_described_in_a_few_sentences_of_its_language():
    for item in ITEMS:
        chinese = len(re.findall(r"[\u4e00-\u9fff]", item.description))
        words = len(re.findall(r"[A-Za-z]+", item.description))
        fits = {
            "en": chinese == 0 and words >= 20,
            "zh": chinese >= 35 and words <= 3,
            "": chinese >= 25 and words >= 10,
        }
        assert fits[item.language] and 2 <= sentences(item.description) <= 5, item.description
        assert item.tags and item.brand and item.price and item.created_at


def test_no_two_descriptions_share_a_filled_template():
    def runs(text):
        units = re.findall(r"[\u4e00-\u9fff]|[a-z]+", text.lower())
        return {tuple(units[at : at + 4]) for at in range(len(units) - 3)}

    by_item = {item.id: runs(item.description) for item in ITEMS}
    ids = sorted(by_item)
    alike = [
        (one, other)
        for at, one in enumerate(ids)
        for other in ids[at + 1 :]
        if len(by_item[one] & by_item[other]) > 0.1 * min(len(by_item[one]), len(by_item[other]))
    ]
    assert alike == []


def test_every_theme_crosses_the_categories_and_the_languages():
    assert set(THEMES) == {item.id for item in ITEMS}
    assert all(sum(shares.values()) == pytest.approx(1) for shares in THEMES.values())
    categories, languages = defaultdict(set), defaultdict(set)
    for item in ITEMS:
        for theme in THEMES[item.id]:
            categories[theme].add(item.category)
            languages[theme].add(item.language)
    assert len(categories) == 12
    assert all(len(found) == 12 for found in categories.values())
    assert all({"en", "zh"} <= found for found in languages.values())


@pytest.mark.parametrize(("language", "analyzer", "ngrams"), [("en", "word", (1, 1)), ("zh", "char", (1, 2))])
def test_a_theme_can_be_read_from_the_texts_of_other_categories(language, analyzer, ngrams):
    items = [item for item in ITEMS if item.language == language]
    names = sorted({theme for shares in THEMES.values() for theme in shares})
    shares = np.array([[THEMES[item.id].get(name, 0) for name in names] for item in items])
    texts = [f"{item.title} {item.description}" for item in items]
    stop_words = "english" if analyzer == "word" else None
    vectors = TfidfVectorizer(analyzer=analyzer, ngram_range=ngrams, sublinear_tf=True, stop_words=stop_words)
    alike = (matrix := vectors.fit_transform(texts)) @ matrix.T
    elsewhere = np.array([[one.category != other.category for other in items] for one in items])
    nearest = np.argsort(-np.where(elsewhere, alike.toarray(), -1), axis=1)[:, :5]
    agreement = shares @ shares.T
    assert np.take_along_axis(agreement, nearest, axis=1).mean() > 2.5 * agreement[elsewhere].mean()


def test_the_labels_stand_in_no_column_a_model_reads():
    rows = [json.loads(line) for line in (SAMPLE / "items.jsonl").read_text(encoding="utf-8").splitlines()]
    columns = {column for row in rows for column in row}
    assert columns == {
        "id", "title", "description", "tags", "category", "brand", "price", "language",
        "created_at", "available", "rating", "margin",
    }  # fmt: skip
    labels = {theme for shares in THEMES.values() for theme in shares if "_" in theme}
    assert not any(label in json.dumps(row) for row in rows for label in labels)


def test_some_items_are_brand_new_some_sold_out_and_new_ones_have_no_rating():
    new = [item for item in ITEMS if item.created_at >= TEST_DAYS]
    assert len(new) >= 20
    assert {item.language for item in new} >= {"en", "zh"} and len({item.category for item in new}) >= 8
    assert not any("rating" in item.attributes for item in new)
    assert sum(not item.available for item in ITEMS) == 12
    assert all(0 < item.attributes["margin"] < 1 for item in ITEMS)
