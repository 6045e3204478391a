"""Labelled files of a team's own: names of columns, labels in rows or apart, and rows that are told instead of lost."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.monitor.companies import Company
from apps.monitor.corrected import corrected_items
from apps.monitor.dataset import read_labelled, read_sample
from apps.monitor.records import Correction, Label, NewsItem, Reading, Sentiment
from core.errors import NotFoundError

NOW = datetime(2026, 3, 2, tzinfo=UTC)


def test_csv_columns_are_mapped_and_one_row_may_name_a_company(tmp_path: Path) -> None:
    file = tmp_path / "ours.csv"
    file.write_text(
        "编号,正文,情绪,公司,主题\n1,海岚银行被罚,利空,海岚银行,regulation|credit\n2,天晴,中性,,\n",
        encoding="utf-8-sig",
    )
    columns = {"id": "编号", "text": "正文", "sentiment": "情绪", "company": "公司", "topics": "主题"}
    first, second = read_labelled(file, columns).items
    assert (first.id, first.language, first.sentiment, first.topics) == (
        "1",
        "zh",
        Label.NEGATIVE,
        ("regulation", "credit"),
    )
    assert [(one.name, one.start, one.label) for one in first.companies or ()] == [("海岚银行", 0, Label.NEGATIVE)]
    assert second.sentiment is Label.NEUTRAL and second.companies is None and second.topics == ()


def test_json_lines_hold_labels_apart_and_bad_lines_are_told(tmp_path: Path) -> None:
    file = tmp_path / "ours.jsonl"
    labels = {
        "sentiment": "bullish",
        "topics": ["earnings"],
        "companies": [{"company": "alba", "name": "Alba", "sentiment": "positive"}],
    }
    rows = [
        {
            "id": "a",
            "title": "Alba profit up",
            "text": "",
            "labels": labels,
            "story": "s1",
            "published_at": "2026-03-02T09:00:00Z",
        },
        {"id": "b", "title": "Rain", "labels": {"sentiment": "wet"}},
        {"id": "c", "title": "", "text": ""},
        {"id": "d", "title": "Cora meets", "labels": {"sentiment": "neutral"}},
    ]
    file.write_text("\n".join([*(json.dumps(row) for row in rows), "{broken", "[1]"]))
    read = read_labelled(file, companies=[Company("alba", "Alba Bank", ("Alba",))])
    assert [item.id for item in read.items] == ["a", "d"]
    assert [problem.row.split()[-1] for problem in read.problems] == ["2", "3", "5", "6"]
    assert "negative, neutral or positive, got 'wet'" in read.problems[0].reason
    first = read.items[0]
    assert (
        first.sentiment is Label.POSITIVE
        and first.group == "s1"
        and first.moment == datetime(2026, 3, 2, 9, tzinfo=UTC)
    )
    assert (first.companies or ())[0].also == ("Alba Bank", "Alba")


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    for name in ("none.csv", "none.jsonl"):
        with pytest.raises(NotFoundError, match="There is no file"):
            read_labelled(tmp_path / name)
    with pytest.raises(NotFoundError, match="There is no folder"):
        read_sample(tmp_path / "none")


def sample_folder(place: Path) -> Path:
    rows = [
        ("m1", "2026-03-10T09:00:00+08:00", "Alba fined", "s1"),
        ("m2", "2026-03-18T09:00:00+08:00", "Alba fined - Mirror", "s1"),  # a repost, days later
        ("m3", "2026-03-18T10:00:00+08:00", "Cora opens shop", "s2"),
        ("m4", "2026-03-25T10:00:00+08:00", "Cora closes shop", "s3"),
        ("m5", "2026-03-26T10:00:00+08:00", "Cora opens shop", "s4"),  # the words of an earlier part
    ]
    lines = [
        {
            "id": id,
            "title": title,
            "published_at": at,
            "received_at": at,
            "language": "en",
            "story": story,
            "labels": {"sentiment": "neutral", "topics": [], "companies": []},
        }
        for id, at, title, story in rows
    ]
    (place / "stream.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (place / "companies.csv").write_text("id,name\nalba,Alba\n")
    (place / "reading.en.jsonl").write_text(
        json.dumps({"id": "r1", "text": "Written for training", "labels": {"sentiment": "neutral"}})
    )
    return place


def test_parts_of_a_sample_share_no_story_and_no_text(tmp_path: Path) -> None:
    parts = read_sample(sample_folder(tmp_path)).splits()
    assert parts == {
        "train": ("Written for training", "Alba fined", "Alba fined - Mirror"),
        "validation": ("Cora opens shop",),
        "test": ("Cora closes shop",),
    }


def test_corrections_teach_what_a_person_said_and_nothing_else() -> None:
    item = NewsItem("1", "desk", "Alba falls", "Cora rises", "", None, NOW, "en")
    reading = Reading("1", "en", Sentiment(0.2, 0.2, 0.6))
    by_hand = Correction("1", "ann", NOW, sentiment="negative", companies={"Cora": "positive"})
    only_topics = Correction("1", "ann", NOW, topics=("market",))
    first, second = corrected_items([(item, reading, by_hand), (item, reading, only_topics)])
    assert first.text == "Alba falls Cora rises" and first.sentiment is Label.NEGATIVE and first.topics is None
    assert [(one.name, one.label) for one in first.companies or ()] == [("Cora", Label.POSITIVE)]
    assert second.sentiment is None and second.companies is None and second.topics == ("market",)
