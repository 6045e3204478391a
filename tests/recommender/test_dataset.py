"""Outside files become records; bad rows are told by line; cuts leak nothing."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.recommender.dataset import read_events, read_items, read_sample
from apps.recommender.splits import by_time, cold_items, leave_one_out, shared, temporal
from core.errors import DataError
from core.reasons import in_language
from tests.recommender.small_shop import event

SAMPLE = Path(__file__).parents[2] / "data" / "samples" / "recommender"


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_of_items_with_the_names_people_use(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "goods.csv",
        "sku,name,description,genres,brand,price,in_stock,margin,origin\n"
        'a1,Tea pot,"Holds a litre, twice",tea|clay,Kiln,"$1,250.50",yes,0.4,Yixing\n'
        "b2,茶杯,小杯,,窑,,no,,\n",
    )
    first, second = read_items(path).rows
    assert (first.id, first.title, first.tags, first.price) == ("a1", "Tea pot", ("tea", "clay"), 1250.5)
    assert first.attributes == {"margin": 0.4, "origin": "Yixing"}
    assert (second.title, second.price, second.available, second.attributes) == ("茶杯", None, False, {})


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_a_csv_may_part_its_columns_by_other_marks_and_write_a_decimal_comma(tmp_path: Path, mark: str) -> None:
    lines = ("sku,name,price", '"a1",Tea pot,"1.250"', '"b2",茶杯,"12#50"')
    text = "\n".join(line.replace(",", mark).replace("#", ",") for line in lines) + "\n"
    first, second = read_items(written(tmp_path, "goods.csv", text)).rows
    assert (first.id, first.title, second.title, second.price) == ("a1", "Tea pot", "茶杯", 12.5)
    with gzip.open(tmp_path / "goods.csv.gz", "wt", encoding="utf-8") as file:
        file.write(text)
    assert read_items(tmp_path / "goods.csv.gz").rows == (first, second)


def test_a_mapping_names_columns_nobody_could_guess(tmp_path: Path) -> None:
    path = written(tmp_path, "x.csv", "code,label,grp\n7,Lamp,light\n")
    (item,) = read_items(path, {"id": "code", "title": "label", "category": "grp"}).rows
    assert (item.id, item.title, item.category) == ("7", "Lamp", "light")
    with pytest.raises(DataError, match=r"no column for id, title: .* by -c id=<column>"):
        read_items(path)
    with pytest.raises(DataError, match="no column 'cod'; the nearest known is 'code'"):
        read_items(path, {"id": "cod"})
    with pytest.raises(DataError, match="no field 'titel'"):
        read_items(path, {"titel": "label"})


def test_bad_rows_are_reported_by_line_and_cost_nobody(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "log.csv",
        "user,item,type,time,value\nu,a,click,2026-01-01T00:00:00Z,\nu,b,click,yesterday,\nu,c\n,d,click,5,\nu,e,view,1767225600,12\n",
    )
    parsed = read_events(path)
    assert [one.item for one in parsed.rows] == ["a", "e"]
    assert parsed.lines == (2, 6)
    assert [one.line for one in parsed.problems] == [3, 4, 5]
    assert "'yesterday'" in parsed.problems[0].sentence
    assert parsed.problems[1].sentence == "2 values where the header has 5."
    assert "User id" in parsed.problems[2].sentence
    assert [in_language(one.sentence, "zh") for one in parsed.problems] == [
        "time 应是 ISO 8601 时间或自 1970 年起的秒数，实际是“yesterday”。",
        "这一行有 2 个值，而表头有 5 列。",
        "用户 的编号应为 1 至 200 个字符，实际是 ''。",
    ]


def test_a_price_that_is_none_costs_an_item_its_price_and_nothing_else(tmp_path: Path) -> None:
    text = "id,title,price\na,Tea pot,12.50\nb,Tea cup,on request\nc,茶杯,-3\nd,Lid,\ne,Tray,inf\n"
    parsed = read_items(written(tmp_path, "goods.csv", text))
    assert [(one.id, one.price) for one in parsed.rows] == [
        ("a", 12.5),
        ("b", None),
        ("c", None),
        ("d", None),
        ("e", None),
    ]
    assert [(one.line, one.kept) for one in parsed.problems] == [(3, True), (4, True), (6, True)]
    assert parsed.problems[0].sentence == "'on request' is no price: the item is taken without one."
    assert in_language(parsed.problems[1].sentence, "zh") == "“-3”不是价格：已收录该商品，但不带价格。"


def test_an_object_of_a_jsonl_file_that_lacks_a_field_is_told_by_its_line_and_costs_no_other(tmp_path: Path) -> None:
    rows = '{"id": "a"}\nbroken\n{"id": "b", "title": "Lamp"}\n[1]\n{"title": "Pot", "price": 3, "id": "c"}\n'
    parsed = read_items(written(tmp_path, "broken.jsonl", rows))
    assert [(one.id, one.price) for one in parsed.rows] == [("b", None), ("c", 3)]
    assert [(one.line, one.sentence) for one in parsed.problems] == [
        (1, "Item 'a' has no title."),
        (2, "The line is no JSON."),
        (4, "A JSON object was expected, found list."),
    ]
    with pytest.raises(DataError, match="no column for title"):
        read_items(written(tmp_path, "untitled.jsonl", '{"id": "a"}\n' * 150))


def test_times_are_iso_seconds_or_milliseconds(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "log.jsonl",
        "\n".join(
            json.dumps({"user_id": "u", "item_id": 1, "timestamp": time})
            for time in ("2026-01-01T08:00:00+08:00", 1767225600, 1767225600000, "2026-01-01 00:00:00")
        ),
    )
    assert {one.time for one in read_events(path).rows} == {datetime(2026, 1, 1, tzinfo=UTC)}


def test_times_without_a_zone_are_read_as_utc_and_counted(tmp_path: Path) -> None:
    times = ("2026-01-01 08:00", "2026-01-01T08:00:00", "2026-01-01T08:00Z", "2026-01-01T16:00:00+08:00", "1767254400")
    path = written(tmp_path, "log.csv", "user,item,time\n" + "".join(f"u,a,{time}\n" for time in times))
    parsed = read_events(path)
    assert {one.time for one in parsed.rows} == {datetime(2026, 1, 1, 8, tzinfo=UTC)}
    assert parsed.zoneless == 2


def test_reading_twice_gives_the_same_ids_and_equal_rows_stay_apart(tmp_path: Path) -> None:
    path = written(tmp_path, "log.csv", "user,item,time\nu,a,5\nu,a,5\nu,b,5\n")
    first, second = read_events(path).rows, read_events(path).rows
    assert [one.id for one in first] == [one.id for one in second]
    assert len({one.id for one in first}) == 3
    assert {one.type for one in first} == {"click"}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ml-100k.inter", "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t4\t881250949\n"),
        ("u.data", "1\t2\t4\t881250949\n"),
        ("ratings.dat", "1::2::4::881250949\n"),
        ("ratings.csv", "userId,movieId,rating,timestamp\r\n1,2,4.0,881250949\r\n"),
    ],
)
def test_movielens_in_each_of_its_layouts(tmp_path: Path, name: str, text: str) -> None:
    (one,) = read_events(written(tmp_path, name, text)).rows
    assert (one.user, one.item, one.type, one.value) == ("1", "2", "rating", 4.0)
    assert one.time == datetime.fromtimestamp(881250949, UTC)


def test_films_of_an_atomic_file_have_their_genres_as_tags(tmp_path: Path) -> None:
    head = "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    (one,) = read_items(written(tmp_path, "x.item", head + "1\tA Film\t1995\tAction Comedy\n")).rows
    assert (one.title, one.tags, one.attributes) == ("A Film", ("Action", "Comedy"), {"release_year": 1995.0})


def test_parquet_and_compressed_files_read_like_plain_ones(tmp_path: Path) -> None:
    import pyarrow as arrow
    import pyarrow.parquet as parquet

    parquet.write_table(arrow.table({"id": ["a"], "title": ["Tea"], "price": [2.5]}), tmp_path / "x.parquet")
    with gzip.open(tmp_path / "x.csv.gz", "wt", encoding="utf-8") as file:
        file.write("id,title,price\na,Tea,2.5\n")
    assert read_items(tmp_path / "x.parquet").rows == read_items(tmp_path / "x.csv.gz").rows


def test_an_unknown_kind_of_file_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no known kind; known are .csv"):
        read_items(written(tmp_path, "x.pickle", ""))
    with pytest.raises(DataError, match="no file"):
        read_items(tmp_path / "absent.csv")


def test_the_sample_reads_whole_and_impressions_keep_their_place() -> None:
    sample = read_sample(SAMPLE)
    shown = [one for one in sample.events if one.type == "impression"]
    assert len(sample.items) >= 300
    assert shown
    assert all(one.position and one.list_id for one in shown)
    parts = sample.splits()
    assert not shared([set(part) for part in parts.values()])


def test_a_cut_in_time_puts_all_events_of_one_instant_on_one_side() -> None:
    events = [event("u", f"t{n}", days_ago=days) for n, days in enumerate((5, 4, 4, 4, 3, 2, 1, 1))]
    early, late = temporal(events, (0.5, 0.5))
    assert not {one.time for one in early} & {one.time for one in late}
    assert max(one.time for one in early) < min(one.time for one in late)
    assert sorted(one.id for one in early + late) == sorted(one.id for one in events)
    with pytest.raises(DataError, match="sum to 1"):
        temporal(events, (0.5, 0.6))


def test_ties_in_time_keep_the_order_of_the_file() -> None:
    events = [event("u", "b", days_ago=1), event("u", "a", days_ago=1), event("u", "c", days_ago=2)]
    assert [one.item for one in by_time(events)] == ["c", "b", "a"]
    (out,) = leave_one_out(events)
    assert out.target.item == "a"
    assert [one.item for one in out.history] == ["c", "b"]


def test_the_last_but_one_knows_nothing_of_the_last() -> None:
    events = [event("u", f"t{n}", days_ago=9 - n) for n in range(4)] + [event("v", "t0")]
    (out,) = leave_one_out(events, back=2)  # v has nothing before
    assert (out.target.item, [one.item for one in out.history]) == ("t2", ["t0", "t1"])


def test_withheld_items_are_in_no_event() -> None:
    events = [event("u", f"t{n}") for n in range(10)]
    rest, withheld = cold_items(events, 0.3, seed=1)
    assert len(withheld) == 3
    assert not {one.item for one in rest} & withheld
    assert len(rest) == 7
