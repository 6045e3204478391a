"""Outside files become records; bad rows are told by line; cuts leak nothing."""

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.recommender.dataset import read_events, read_items, read_sample
from apps.recommender.splits import by_time, cold_items, leave_one_out, shared, temporal
from core.dates import DateOrder
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
        "time 应是 2026-03-01 08:30 这样的日期或自 1970 年起的秒数，实际是“yesterday”。",
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
    assert ([one.line for one in parsed.noted], parsed.problems) == ([3, 4, 6], ())
    assert parsed.noted[0].sentence == "'on request' is no price: the item is taken without one."
    assert in_language(parsed.noted[1].sentence, "zh") == "“-3”不是价格：已收录该商品，但不带价格。"


@pytest.mark.parametrize(
    ("written_as", "price"),
    [
        ("￥59", 59),
        ("899元", 899),
        ("EUR 129.00", 129),
        ("USD 12", 12),
        ("1299 CNY", 1299),
        ("1,299.00 CNY", 1299),
        ("1 299,50", 1299.5),
        ("1.299,50 €", 1299.5),
        ("24.50 EUR", 24.5),
        ("¥1,299.50", 1299.5),
        ("12 PCS", None),
        ("5-8", None),
        ("1,299,50", None),
    ],
)
def test_a_price_is_read_as_shops_write_it(tmp_path: Path, written_as: str, price: float | None) -> None:
    (item,) = read_items(written(tmp_path, "goods.csv", f'id,title,price\na,Tea pot,"{written_as}"\n')).rows
    assert item.price == price


def test_an_item_whose_date_cannot_be_read_is_taken_without_it_and_noted(tmp_path: Path) -> None:
    text = "id,title,created_at\na,Tea pot,2026年9月3日\nb,Tea cup,soon: maybe\nc,Lid,03/04/2026\n"
    parsed = read_items(written(tmp_path, "goods.csv", text))
    assert [one.created_at for one in parsed.rows] == [datetime(2026, 9, 3, tzinfo=UTC), None, None]
    assert ([one.line for one in parsed.noted], parsed.problems, parsed.zoneless) == ([3, 4], (), 0)
    assert parsed.noted[0].sentence.endswith("found 'soon: maybe'. The item is taken without a date.")
    assert "may begin with its day or its month" in parsed.noted[1].sentence
    assert in_language(parsed.noted[0].sentence, "zh").endswith("已收录该商品，但不带日期。")


def test_of_rows_with_the_same_id_the_last_is_taken_and_each_other_names_its_line(tmp_path: Path) -> None:
    text = "id,title,price\na,Pot,x\nb,Cup,1\na,Tea pot,2\na,Clay pot,3\n"
    parsed = read_items(written(tmp_path, "goods.csv", text))
    assert [(one.id, one.title) for one in parsed.rows] == [("b", "Cup"), ("a", "Clay pot")]
    assert (parsed.lines, [one.line for one in parsed.noted]) == ((3, 5), [2, 4])
    assert {one.sentence for one in parsed.noted} == {"Item 'a' stands again on line 5: that row is taken."}


def test_a_file_in_the_encoding_of_excel_in_china_is_read_and_said(tmp_path: Path) -> None:
    for name, encoding, told in (("goods.csv", "gbk", "GB18030"), ("goods.txt", "utf-16", "UTF-16")):
        (tmp_path / name).write_text("货号,名称,描述,售价\na,茶杯,小杯,￥59\n", encoding=encoding)
        parsed = read_items(tmp_path / name)
        assert [(one.title, one.description, one.price) for one in parsed.rows] == [("茶杯", "小杯", 59)]
        assert parsed.use.encoding == told
        assert parsed.use.told().startswith(f"It was read as {told}.")
    (tmp_path / "west.csv").write_text("id,title,price\na,Müller – Gläser,19 €\n", encoding="cp1252")
    west = read_items(tmp_path / "west.csv")
    assert (west.rows[0].title, west.rows[0].price, west.use.encoding) == ("Müller – Gläser", 19, "Windows-1252")
    with gzip.open(tmp_path / "goods.csv.gz", "wb") as file:
        file.write((tmp_path / "goods.csv").read_bytes())
    assert read_items(tmp_path / "goods.csv.gz").rows == parsed.rows


def test_a_file_that_is_no_sound_text_is_refused_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "goods.csv").write_bytes(f"id,title\na,{'茶' * 20}\n".encode().replace("茶".encode(), b"\xe8\x8c", 1))
    with pytest.raises(DataError, match=r"'goods.csv' is no sound text in UTF-8, .*: save it as UTF-8") as raised:
        read_items(tmp_path / "goods.csv")
    assert "请另存为 UTF-8" in in_language(raised.value.args[0], "zh")
    (tmp_path / "goods.csv.gz").write_bytes(gzip.compress(b"id,title\na,Tea\n" * 99)[:-12])
    with pytest.raises(DataError, match=r"'goods.csv.gz' cannot be read"):
        read_items(tmp_path / "goods.csv.gz")


@pytest.mark.parametrize(
    ("head", "field"),
    [
        ("desc", "description"),
        ("descr", "description"),
        ("Product Description", "description"),
        ("商品描述", "description"),
        ("launched", "created_at"),
        ("Launch-Date", "created_at"),
        ("上架时间", "created_at"),
        ("品牌", "brand"),
    ],
)
def test_columns_of_items_by_other_names_are_understood_and_told(tmp_path: Path, head: str, field: str) -> None:
    parsed = read_items(written(tmp_path, "goods.csv", f"id,title,{head},grams\na,Tea pot,2026-03-01,200\n"))
    assert getattr(parsed.rows[0], field)
    assert parsed.use.columns == {field: (head,)}
    assert parsed.use.told() == f"Columns taken: {head} as {field}. Kept as attributes only: grams."
    assert in_language(parsed.use.told(), "zh") == f"列的对应：“{head}”作 {field}。仅保留为附加属性的列：grams。"


@pytest.mark.parametrize(
    "head",
    [
        "customer,sku,when",
        "client,article,ts",
        "Member,Product,Event Time",
        "用户编号,商品编号,时间",
        "会员,商品,行为时间",
    ],
)
def test_columns_of_events_by_other_names_are_understood(tmp_path: Path, head: str) -> None:
    parsed = read_events(written(tmp_path, "log.csv", f"{head},channel\nu,a,2026-03-01T09:00:00Z,web\n"))
    assert [(one.user, one.item, one.time.hour) for one in parsed.rows] == [("u", "a", 9)]
    assert list(parsed.use.columns) == ["user", "item", "time"]
    assert parsed.use.told().endswith("Not used: channel.")


def test_a_file_with_the_usual_names_wants_no_word(tmp_path: Path) -> None:
    assert read_events(written(tmp_path, "log.csv", "user,item,time\nu,a,5\n")).use.told() == ""


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


def test_dates_are_read_as_people_write_them(tmp_path: Path) -> None:
    times = ("2026年11月27日 14:00", "27/11/2026 14:00", "27.11.2026 14:00", "2026/11/27 14:00", "11/27/2026 2:00 pm")
    parsed = read_events(written(tmp_path, "log.csv", "user,item,time\n" + "".join(f"u,a,{one}\n" for one in times)))
    assert [one.time for one in parsed.rows] == [datetime(2026, 11, 27, 14, tzinfo=UTC)] * 5
    assert parsed.zoneless == 5
    (day,) = read_events(written(tmp_path, "days.csv", "user,item,time\nu,a,20261127\n")).rows
    assert day.time == datetime(2026, 11, 27, tzinfo=UTC)


def test_a_date_that_may_be_read_two_ways_is_told_by_the_file_or_by_the_person(tmp_path: Path) -> None:
    doubtful = written(tmp_path, "log.csv", "user,item,time\nu,a,03/04/2026\nu,a,03/04/2026\nu,b,2026-04-03\n")
    parsed = read_events(doubtful)
    assert ([one.item for one in parsed.rows], [one.line for one in parsed.problems]) == (["b"], [2, 3])
    assert "say which (in a terminal by --dates day-first" in parsed.problems[0].sentence
    assert {one.time.month for one in read_events(doubtful, dates=DateOrder.DAY_FIRST).rows} == {4}
    assert {one.time.day for one in read_events(doubtful, dates=DateOrder.MONTH_FIRST).rows} == {4, 3}

    proven = read_events(written(tmp_path, "proven.csv", "user,item,time\nu,a,03/04/2026\nu,a,27/11/2026\n"))
    assert [(one.time.day, one.time.month) for one in proven.rows] == [(3, 4), (27, 11)]
    assert proven.use.told() == "Dates such as 03/04/2026 begin with their day, as other dates of the file tell."
    both = read_events(written(tmp_path, "both.csv", "user,item,time\nu,a,3/4/2026\nu,a,27/11/2026\nu,a,11/27/2026\n"))
    assert [one.line for one in both.problems] == [2]


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
