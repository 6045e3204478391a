"""Each public set's traps, on files typed here in its layout: broken literals, shifted spans, swapped labels, overlap."""

import json
from pathlib import Path

import pytest

from apps.monitor import public_sets, public_sets_zh
from apps.monitor.conll_files import Sentence, conll2003, iob2, read_conll
from apps.monitor.records import Label
from core.errors import DataError, NotFoundError


def test_tweets_lose_links_and_keep_their_labels(tmp_path: Path) -> None:
    row = 'text,label\r\n"$ALBA - Alba cut\nto sell &amp; hold https://t.co/x1",0\r\nAlba soars,1\r\nAlba meets,2\r\n'
    (tmp_path / "sent_train.csv").write_bytes(row.encode())
    (tmp_path / "sent_valid.csv").write_bytes(b"text,label\r\nAlba soars again,1\r\n")
    train, held = public_sets.tfns(tmp_path)
    assert [item.text for item in train] == ["$ALBA - Alba cut to sell & hold", "Alba soars", "Alba meets"]
    assert [item.sentiment for item in train] == [Label.NEGATIVE, Label.POSITIVE, Label.NEUTRAL]
    assert train[0].original["label"] == "0" and len(held) == 1


def test_the_copy_with_exchanged_labels_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sent_train.csv").write_text("text,label\na,0\n")
    rows = "".join(f"row {number},{1 if number < 1566 else 2}\n" for number in range(2388))
    (tmp_path / "sent_valid.csv").write_text("text,label\n" + rows)
    with pytest.raises(DataError, match="exchanged"):
        public_sets.tfns(tmp_path)


def test_an_unknown_label_or_header_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "sent_train.csv").write_text("text,label\na,9\n")
    (tmp_path / "sent_valid.csv").write_text("text,label\n")
    with pytest.raises(DataError, match="label '9'"):
        public_sets.tfns(tmp_path)
    (tmp_path / "sent_train.csv").write_text("tweet,label\na,0\n")
    with pytest.raises(DataError, match="columns text, label"):
        public_sets.tfns(tmp_path)
    with pytest.raises(NotFoundError, match="where to get them"):
        public_sets.tfns(tmp_path / "nowhere")


def sentfin_folder(place: Path, *rows: tuple[str, str]) -> Path:
    lines = [f'{number},"{title}","{decisions}",5' for number, (title, decisions) in enumerate(rows, 1)]
    (place / "SEntFiN.csv").write_text("S No.,Title,Decisions,Words\r\n" + "\r\n".join(lines), encoding="utf-8")
    (place / "entity_list_comprehensive.csv").write_text(',Symbol,Entity\n0,ALBA,"Alba Bank Ltd., Alba Bank"\n')
    return place


def test_headlines_give_each_entity_its_place_and_mood(tmp_path: Path) -> None:
    place = sentfin_folder(
        tmp_path,
        ("Alba Bank gains as gold slips", "{'Alba Bank': 'positive', 'gold': 'negative'}"),
        ("Moody's cuts Alba Bank", "{'Moody's': 'neutral', 'Alba Bank': 'negative'}"),
        ("Alba Bank flat", "{'Alba Bank': 'neutral', 'Cora': 'neutral'}"),
    )
    first, second, third = public_sets.sentfin(place)
    assert [(one.name, one.start, one.label, one.kind) for one in first.companies or ()] == [
        ("Alba Bank", 0, Label.POSITIVE, "company"),
        ("gold", 19, Label.NEGATIVE, "asset"),
    ]
    assert first.sentiment is None  # one praised, one blamed
    assert [one.name for one in second.companies or ()] == ["Moody's", "Alba Bank"]  # the literal is broken
    assert third.sentiment is Label.NEUTRAL
    assert [one.found for one in third.companies or ()] == [True, False]


def test_a_span_shifted_by_lost_bytes_is_moved_to_its_text(tmp_path: Path) -> None:
    text = "“Alba Bank said. Alba Bank fell."
    marks = [
        {"start": 4, "end": 13, "value": "Alba Bank", "label": "Neutral"},
        {"start": 19, "end": 28, "value": "Alba Bank", "label": "Negative"},
    ]
    (tmp_path / "FinEntity.json").write_text(json.dumps([{"content": text, "annotations": marks}]))
    (item,) = public_sets.finentity(tmp_path)
    assert [(one.start, one.label) for one in item.companies or ()] == [(17, Label.NEUTRAL), (17, Label.NEGATIVE)]


def test_scores_become_labels_at_the_stated_cut(tmp_path: Path) -> None:
    info = [{"target": "Alba", "sentiment_score": "-0.4"}, {"target": "Cora", "sentiment_score": "0.05"}]
    for kind in ("headline", "post"):
        for part in ("train", "test"):
            rows = {"1": {"sentence": f"Alba down, Cora {kind} {part}", "info": info}}
            (tmp_path / f"task1_{kind}_ABSA_{part}.json").write_text(json.dumps(rows))
    train, test = public_sets.fiqa(tmp_path)
    assert len(train) == len(test) == 2
    assert [one.label for one in train[0].companies or ()] == [Label.NEGATIVE, Label.NEUTRAL]
    assert public_sets.graded(0.1) is Label.POSITIVE and public_sets.graded(-0.0999) is Label.NEUTRAL


def zh_folder(place: Path, task: str, train: list[list[object]], test: list[list[object]]) -> Path:
    (place / task).mkdir(parents=True)
    for part, rows in (("train", train), ("eval", test)):
        (place / task / f"{part}_list.json").write_text(json.dumps(rows, ensure_ascii=False), encoding="utf-8")
    return place


def test_forum_posts_of_eval_leave_train_and_repeated_ones_are_votes(tmp_path: Path) -> None:
    train = [["涨停了", 2], ["涨停了！", 2], ["跌惨了", 0], ["跌惨了", 1], ["好消息", 2]]
    loaded = public_sets_zh.finfe(zh_folder(tmp_path, "finfe", train, [["好消息。", 2]]))  # type: ignore[arg-type]
    assert [(item.text, item.sentiment) for item in loaded.train] == [
        ("涨停了", Label.POSITIVE),
        ("涨停了！", Label.POSITIVE),
        ("跌惨了", Label.NEGATIVE),
        ("跌惨了", Label.NEUTRAL),
    ]
    assert loaded.removed == {"in eval": 1}


def test_topics_are_split_and_junk_ones_left_out(tmp_path: Path) -> None:
    rows = [["央行降准", "中国大盘 经济"], ["无题", "躯体"]]
    loaded = public_sets_zh.finnl(zh_folder(tmp_path, "finnl", rows, [["收购", "外国 公司、"]]))  # type: ignore[arg-type]
    assert [item.topics for item in loaded.train] == [("中国", "大盘", "经济")]
    assert loaded.test[0].topics == ("外国", "公司")


def test_events_and_negative_news_know_their_companies(tmp_path: Path) -> None:
    events = [["1", "海岚银行 被罚", "信批违规", "海岚银行"], ["2", "天气好", "其他", "NaN"]]
    loaded = public_sets_zh.finese(zh_folder(tmp_path, "finese", events, []))  # type: ignore[arg-type]
    assert [tuple(one.name for one in item.companies or ()) for item in loaded.train] == [("海岚银行",), ()]
    header = ["\ufeffid", "title", "text", "entity", "negative", "key_entity"]
    news = ["a", "", "海岚银行涉嫌诈骗，青禾无关", "海岚银行;青禾", "1", "海岚银行"]
    found = public_sets_zh.finnsp(zh_folder(tmp_path, "finnsp", [header, news], []))  # type: ignore[arg-type]
    (item,) = found.train
    assert [(one.name, one.label) for one in item.companies or ()] == [("海岚银行", Label.NEGATIVE), ("青禾", None)]


IOB1 = """-DOCSTART- -X- O O

Alba NNP I-NP I-ORG
Bank NNP I-NP I-ORG
sued VBD I-VP O
Ann NNP I-NP I-PER
Lee NNP I-NP B-PER

Oslo NNP I-NP I-LOC
"""


def test_iob1_is_read_as_such(tmp_path: Path) -> None:
    for name in ("eng.train", "eng.testa", "eng.testb"):
        (tmp_path / name).write_text(IOB1)
    first, second = conll2003(tmp_path)["train"]
    assert first.tags == ("B-ORG", "I-ORG", "O", "B-PER", "B-PER")
    assert [first.text[start:end] for start, end, _ in first.spans] == ["Alba Bank", "Ann", "Lee"]
    assert first.tags_of(first.spans) == first.tags
    assert second == Sentence(("Oslo",), ("B-LOC",))


def test_reading_iob2_changes_nothing_and_other_files_are_refused(tmp_path: Path) -> None:
    assert iob2(["B-ORG", "I-ORG", "O"]) == ("B-ORG", "I-ORG", "O")
    (tmp_path / "odd.txt").write_text("Alba Bank\n")
    with pytest.raises(DataError, match="line 1"):
        read_conll(tmp_path / "odd.txt")


def test_a_span_that_covers_part_of_a_word_tags_the_word() -> None:
    sentence = Sentence(("U.S.", "shares"), ("O", "O"))
    assert sentence.tags_of([(0, 3, "LOC")]) == ("B-LOC", "O")
