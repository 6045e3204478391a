"""`trifolium recommender …` with the true service on a small engine: what is shown, exit codes, files."""

import io
import json
import sys
import types
from pathlib import Path

import pytest
from pyarrow import parquet

import apps.__main__ as terminal_door
from apps.recommender.answers import ListAnswer
from apps.recommender.commands_show import show_explanation, show_list
from apps.recommender.records import Explanation, Recommendation, Scored
from core import runs
from tests.recommender.plain_service import add_model, click, open_plain

EMPTY_HELP = ("--help",)


@pytest.fixture(autouse=True)
def named(monkeypatch):
    monkeypatch.setattr(terminal_door, "APPS", ("recommender",))


@pytest.fixture
def shop(home, monkeypatch):
    """The home that the commands use is filled, and their service has the small engine."""
    made = open_plain(home)
    made.close()
    stub = types.SimpleNamespace(open_service=lambda settings, on_event=None, waiting=False: open_plain(home))
    monkeypatch.setitem(sys.modules, "apps.recommender.service", stub)
    return home


def run(*words: str) -> int:
    return terminal_door.run(["recommender", *words])


def test_a_list_shows_items_probabilities_parts_and_reasons(shop, capsys):
    assert run("recommend", "ann", "-k", "3") == 0
    shown = capsys.readouterr().out
    assert "Clay pot" in shown and "Others who met" in shown and "%" in shown and "warm · list" in shown
    assert run("recommend", "ann", "--language", "zh", "--category", "home", "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert {one["details"]["category"] for one in value["items"]} == {"home"} and value["items"][0]["reason"].endswith(
        "。"
    )
    assert run("recommend") == 0  # for nobody in particular


def test_scores_similar_items_and_reasons(shop, capsys):
    assert run("score", "ann", "pot", "ghost", "ghost", "shade") == 0
    shown = capsys.readouterr()
    assert "Clay pot" in shown.out and "There is no item 'ghost'" in shown.out
    assert shown.err.strip() == "Not in the catalogue and so without a score: ghost, shade."
    assert run("score", "nobody", "pot") == 0
    assert capsys.readouterr().err.strip() == "nobody is not known: scored as a new visitor."
    assert run("score", "ann", "pot", "--json") == 0
    assert json.loads(capsys.readouterr().out)[0]["item"] == "pot"
    assert run("similar", "tea", "-k", "2") == 0
    shown = capsys.readouterr().out
    assert "likeness" in shown and "probability" not in shown and "%" not in shown
    assert run("similar", "tea", "--json") == 0
    assert {one["probability"] for one in json.loads(capsys.readouterr().out)} == {None}
    assert run("explain", "ann", "rug") == 0
    assert "stage: shown" in capsys.readouterr().out
    assert run("explain", "ann", "tea", "--json") == 0
    assert json.loads(capsys.readouterr().out)["removed_by"] == ["exclude_seen"]


def test_the_line_below_a_list_counts_an_item_that_two_rules_remove_once(capsys):
    made = Recommendation("ann", (), True, "1", removed={"exclude_seen": ("a", "b"), "price_max": ("b", "c")})
    show_list(ListAnswer("x", made, "warm", "1"), {}, False)
    assert "3 removed by rules" in capsys.readouterr().out


def test_a_list_without_a_model_says_so_and_states_no_probability(capsys):
    made = Recommendation("ann", (Scored("tea", 1.0, 0.0, {"popularity": 1.0}, ("popular",), "Popular."),), False, "")
    show_list(ListAnswer("x", made, "popular", ""), {}, False)
    told = capsys.readouterr()
    assert "No model answered" in told.out + told.err and "0.0%" not in told.out and "+1.00" not in told.out


def test_what_speaks_against_an_item_goes_to_the_other_side_of_the_line(capsys):
    parts = {"text": 0.8, "behaviour": -0.4, "recency": 0.0, "popularity": -0.03}
    show_explanation(Explanation("pot", "shown", "Because.", scored=Scored("pot", 0.37, 0.1, parts)), False)
    table = [line.rstrip() for line in capsys.readouterr().out.splitlines()[2:]]
    line = table[0].index("│")
    assert table[0].endswith("against │ for")
    bars = {row.split()[0]: (row[line - 12 : line].strip(), row[line + 1 :]) for row in table[1:]}
    assert bars == {"text": ("", "█" * 12), "behaviour": ("█" * 6, ""), "recency": ("", ""), "popularity": ("▐", "")}
    assert {row[line] for row in table} == {"│"}


def test_a_file_of_people_becomes_lists_in_parquet(shop, tmp_path, capsys):
    people, out = tmp_path / "people.txt", tmp_path / "lists.parquet"
    people.write_text("ann\n曹\nnobody\nann\n\n", encoding="utf-8")
    assert run("score-batch", str(people), str(out), "-k", "2") == 0
    rows = parquet.read_table(out).to_pylist()
    assert [(row["user"], row["rank"]) for row in rows] == [(u, r) for u in ("ann", "曹", "nobody") for r in (1, 2)]
    assert "6 rows" in capsys.readouterr().out and rows[0]["reason"] and not list(tmp_path.glob(".*"))


def test_a_table_of_lists_has_the_name_of_what_it_is(shop, tmp_path, capsys):
    (tmp_path / "people.txt").write_text("ann\n")
    assert run("score-batch", str(tmp_path / "people.txt"), str(tmp_path / "lists.csv")) == 2
    assert "must end in .parquet, got 'lists.csv'." in capsys.readouterr().err
    assert not (tmp_path / "lists.csv").exists()


def test_a_file_of_pairs_becomes_scores_in_their_order(shop, tmp_path):
    table, out = tmp_path / "pairs.csv", tmp_path / "scores.parquet"
    table.write_text("User_ID,item_id\nann,pot\nann,ghost\nbob,tea\nann,cup\n,cup\n", encoding="utf-8")
    assert run("score-batch", str(table), str(out)) == 0
    rows = parquet.read_table(out).to_pylist()
    assert [(row["user"], row["item"], row["known"]) for row in rows] == [
        ("ann", "pot", True), ("ann", "ghost", False), ("bob", "tea", True), ("ann", "cup", True)]  # fmt: skip
    assert run("score-batch", str(out), str(tmp_path / "again.parquet")) == 0
    again = parquet.read_table(tmp_path / "again.parquet").to_pylist()
    assert [row["score"] for row in again] == [row["score"] for row in rows]


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("none.csv", None, "There is no file"),
        ("x.csv", "name\nann\n", "needs a column user, its columns are: name; a file of ids alone"),
        ("x.jsonl", "{broken", "cannot be read"),
        ("x.jsonl", "[1]", "each line must be a JSON object"),
        ("x.parquet", "no parquet", "cannot be read"),
        ("x.txt", "\n", "names no user"),
        ("x.docx", "x", "must end in .txt"),
    ],
)
def test_a_file_of_people_that_cannot_be_used_is_one_sentence(shop, tmp_path, capsys, name, text, words):
    if text is not None:
        (tmp_path / name).write_text(text)
    assert run("score-batch", str(tmp_path / name), str(tmp_path / "out.parquet")) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in said and said.endswith(".")
    assert not (tmp_path / "out.parquet").exists()


def test_the_desk_reads_the_same_database_without_loading_a_model(shop, capsys):
    for line in (
        ["items", "--search", "茉莉"], ["people"], ["person", "曹"], ["quality"], ["models"], ["status"], ["experiments"],
    ):  # fmt: skip
        assert run(*line) == 0, capsys.readouterr().err
        assert run(*line, "--json") == 0
    shown = capsys.readouterr().out
    assert "茉莉花茶" in shown and "Tasting cup" in shown and "plain-1" in shown
    code = (
        "import sys, apps.recommender.service_desk; print(sorted({'torch', 'sklearn', 'streamlit'} & set(sys.modules)))"
    )
    import subprocess

    root = Path(terminal_door.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout.strip() == "[]"


def test_a_search_that_finds_nothing_shows_the_nearest_and_says_so(shop, capsys):
    assert run("items", "--search", "rosted oolnog") == 0
    shown = capsys.readouterr()
    assert "Nothing has the words 'rosted oolnog'; nearest:" in shown.err
    assert "Roasted oolong" in shown.out and "Tasting cup" not in shown.out
    assert run("items", "--search", "rosted oolnog", "--json") == 0
    assert json.loads(capsys.readouterr().out) == []  # a program is told what there is


def test_a_person_and_an_item_are_forgotten(shop, capsys):
    assert run("forget-person", "ann", "--yes") == 0 and run("forget-item", "rug", "--yes") == 0
    assert run("person", "ann") == 2 and "Nothing is known of a user 'ann'." in capsys.readouterr().err
    assert run("forget-item", "rug", "--yes") == 2


def test_forgetting_asks_first_and_leaves_all_as_it_is_where_nobody_says_yes(shop, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run("forget-person", "ann") == 1
    said = capsys.readouterr().err
    assert "Every event and list of 'ann' will be deleted for good." in said and "Nothing was deleted." in said
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert run("forget-item", "rug") == 2 and "say --yes" in capsys.readouterr().err
    assert run("person", "ann") == 0 and "Tasting cup" in capsys.readouterr().out
    assert run("items", "--search", "Wool rug") == 0 and "rug" in capsys.readouterr().out
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run("forget-item", "rug") == 0 and "rug (“Wool rug”)" in capsys.readouterr().err


def test_a_list_is_narrowed_by_price_brand_and_language_as_over_http(shop, capsys):
    def shown(*words: str) -> set[str]:
        assert run("recommend", "nobody", "--json", *words) == 0
        return {one["item"] for one in json.loads(capsys.readouterr().out)["items"]}

    assert shown() == {"tea", "cha", "cup", "pot", "lamp", "rug", "fan"}
    assert shown("--price-min", "20", "--price-max", "48") == {"cup", "pot", "lamp"}
    assert shown("--item-language", "zh") == {"cha"}
    assert "tea" not in shown("--not-brand", "Lantern")
    assert len(shown("--per-category", "1")) == 3
    assert "tea" in shown("--not-category", "ware", "--calibration", "0.5", "--exposure", "1")


def test_the_help_of_a_list_tells_what_holds_when_an_option_is_left_out(capsys):
    assert run("recommend", "--help") == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "default: (20 unless set)" in shown and "default: (0.25 unless set)" in shown


@pytest.mark.parametrize("line", [["recommend", "ann", "--category", "hoem"], ["items", "--category", "hoem"]])
def test_a_category_that_no_item_has_is_an_error_with_the_nearest(shop, capsys, line):
    assert run(*line) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert last == "No item has the category 'hoem'; the nearest known is 'home' (known here: drinks, home, ware)."


def test_an_experiment_from_start_to_end(shop, home, capsys):
    line = [
        "start-experiment",
        "variety",
        "-v",
        "as-is:0.5",
        "-v",
        "varied:0.5:diversity=0.7,freshness=0.2",
        "--about",
        "More?",
    ]
    assert run(*line) == 0
    assert run(*line) == 2 and "choose another name" in capsys.readouterr().err
    service = open_plain(home)
    answer = service.recommend("ann")
    service.add_events([click("c", "ann", answer.list.items[0].item, 0, list_id=answer.list_id)])
    service.close()
    assert run("experiment", "variety") == 0
    shown = capsys.readouterr().out
    assert "varied" in shown and "too few people to say" in shown
    assert run("experiment", "variety", "--json") == 0
    assert sum(one["wanted"] for one in json.loads(capsys.readouterr().out)["arms"]) == 1
    assert run("experiments") == 0 and "running" in capsys.readouterr().out
    assert run("end-experiment", "variety") == 0 and run("end-experiment", "variety") == 2


def test_models_are_promoted_and_rolled_back(shop, capsys):
    from apps.recommender.model_shelf import ModelShelf

    name = add_model(ModelShelf(shop), shop, "plain-2")
    assert run("promote", name) == 0 and f"{name} is live" in capsys.readouterr().out
    assert run("roll-back") == 0 and run("roll-back") == 2
    assert run("promote", "none") == 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["recommend", "ann", "-k", "0"], "-k"),
        (["recommend", "ann", "--diversity", "2"], "--diversity"),
        (["score", "ann"], "Missing argument"),
        (["similar", "ghost"], "There is no item 'ghost'."),
        (["person", "nobody"], "Nothing is known of a user 'nobody'."),
        (["experiment", "none"], "There is no experiment 'none'."),
        (["start-experiment", "x", "-v", "a:half", "-v", "b:0.5"], "A variant is name:share"),
        (["start-experiment", "x", "-v", "a:0.5"], "at least two variants"),
        (["start-experiment", "x", "-v", "a:0.5", "-v", "b:0.5:divrsity=1"], "nearest known is 'diversity'"),
        (["train", "--option", "epochs"], "--option wants key=value"),
        (["ingest", "--column", "item", "x"], "--column wants key=value"),
        (["ingest", "nowhere.csv"], "There is no file or folder 'nowhere.csv'."),
        (["recomend"], "recomend"),
    ],
)
def test_an_error_is_one_sentence_with_the_right_exit_code(shop, capsys, line, words):
    assert run(*line) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert words in last and last.endswith(".")


GOODS = "id,title\na,Lamp\nb,Kettle\n"
CLICKS = "user,item,time\nann,a,2026-03-01T09:00:00Z\n"


def test_a_file_that_cannot_be_read_stops_no_other_one_and_the_command_counts_as_failed(home, capsys, tmp_path):
    names = ("items.csv", "events_empty.csv", "events.csv", "stock.csv")
    for name, content in zip(names, (GOODS, "", CLICKS, GOODS), strict=True):
        (tmp_path / name).write_text(content)
    line = ["ingest", *(str(tmp_path / name) for name in names), str(tmp_path / "nowhere.csv")]
    assert run(*line) == 1
    shown = capsys.readouterr()
    assert "items: 2 added" in shown.out and "events: 1 added" in shown.out and "not taken: 3 files\n" in shown.out
    assert "events_empty.csv: could not be read" in shown.err
    assert "events_empty.csv: 'events_empty.csv' is empty." in shown.out
    assert "The name 'stock.csv' does not tell" in shown.out and "There is no file or folder" in shown.out
    assert "items.csv: 2 rows taken, 0 not taken" in shown.err and "events.csv: 1 rows taken" in shown.err
    (sentence,) = [one for one in shown.err.splitlines() if one.startswith("Nothing could be read from")]
    assert all(name in sentence for name in ("nowhere.csv", "stock.csv", "events_empty.csv"))
    assert run(*line, "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["items"]["unchanged"], report["events"]["known"], len(report["failed"])) == (2, 1, 3)


def test_a_file_of_which_no_row_could_be_taken_counts_as_failed(home, capsys, tmp_path):
    (tmp_path / "items.csv").write_text("id,title\n,Lamp\n")
    assert run("ingest", str(tmp_path / "items.csv")) == 1
    assert "items.csv:2:" in capsys.readouterr().out
    (tmp_path / "items.csv").write_text("id,title\n,Lamp\nb,Kettle\n")
    assert run("ingest", str(tmp_path / "items.csv")) == 0


def test_rows_not_taken_are_told_file_by_file_and_line_by_line(home, capsys, tmp_path):
    names = ("items.csv", "events.csv", "broken_items.jsonl")
    broken = "no json\n" + json.dumps({"id": "c", "title": "Pot"}) + "\n[]\n"
    late = CLICKS + "bob,gone,2026-03-01T09:00:00Z\nbob,a,soon\nbob,gone,2026-03-01T10:00:00Z\n"
    for name, content in zip(names, (GOODS + "d,\n", late, broken), strict=True):
        (tmp_path / name).write_text(content)
    assert run("ingest", *(str(tmp_path / name) for name in names)) == 0
    shown = capsys.readouterr().out
    told = [line.split(": ")[0].strip() for line in shown.splitlines() if line.startswith("  ")]
    assert told == ["broken_items.jsonl:1", "broken_items.jsonl:3", "events.csv", "events.csv:4", "items.csv:4"]
    assert "  events.csv: 2 rows (lines 3, 5): " in shown
    assert "not taken: 6 rows\n" in shown
    assert run("ingest", "--json", str(tmp_path / "events.csv")) == 0
    assert [one["line"] for one in json.loads(capsys.readouterr().out)["events"]["problems"]] == [3, 4, 5]


def test_an_item_with_a_bad_price_is_taken_with_its_events_and_the_report_says_so(home, capsys, tmp_path):
    (tmp_path / "items.csv").write_text("id,title,price\na,Tea pot,on request\nb,Tea cup,4\n")
    (tmp_path / "events.csv").write_text("user,item,time\nann,a,2026-03-01T09:00:00Z\n")
    assert run("ingest", str(tmp_path / "items.csv"), str(tmp_path / "events.csv")) == 0
    shown = capsys.readouterr().out
    assert "items: 2 added" in shown and "events: 1 added" in shown and "not taken" not in shown
    assert "to be looked at: 1 row\n" in shown
    assert "items.csv:2: 'on request' is no price: the item is taken without one." in shown


def test_a_file_out_of_excel_is_taken_in_and_the_report_says_how_it_was_understood(home, capsys, tmp_path):
    goods = "SKU,商品名称,desc,售价,grams\na,茶杯,小杯,￥59,90\na,茶杯,青瓷小杯,59元,90\nb,茶壶,,面议,\n"
    (tmp_path / "商品.csv").write_text(goods, encoding="gbk")
    assert run("ingest", str(tmp_path / "商品.csv")) == 0
    shown = capsys.readouterr().out
    assert "items: 2 added" in shown and "not taken" not in shown
    assert "商品.csv: It was read as GB18030. Columns taken: SKU as id, 商品名称 as title, desc as description" in shown
    assert "Kept as attributes only: grams." in shown
    assert "to be looked at: 2 rows\n  商品.csv:2: Item 'a' stands again on line 3: that row is taken." in shown


def test_the_order_of_dates_may_be_said(home, capsys, tmp_path):
    (tmp_path / "items.csv").write_text("id,title\na,Tea pot\n")
    (tmp_path / "events.csv").write_text("user,item,time\nann,a,03/04/2026\n")
    assert run("ingest", *(str(tmp_path / name) for name in ("items.csv", "events.csv"))) == 0
    assert "say which" in capsys.readouterr().out
    assert run("ingest", "--dates", "day-first", str(tmp_path / "events.csv")) == 0
    assert "events: 1 added" in capsys.readouterr().out


def test_when_no_file_can_be_read_each_reason_is_told_once(home, capsys, tmp_path):
    for name in ("items.csv", "stock.csv"):
        (tmp_path / name).write_text("")
    assert run("ingest", str(tmp_path / "items.csv"), str(tmp_path / "stock.csv")) == 2
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert "'items.csv' is empty." in last and "The name 'stock.csv' does not tell" in last


def test_every_command_explains_itself(capsys):
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name in (
        "ingest",
        "train",
        "evaluate",
        "recommend",
        "score",
        "explain",
        "score-batch",
        "experiments",
        "roll-back",
    ):
        assert name in shown
        assert run(name, *EMPTY_HELP) == 0
        assert len(capsys.readouterr().out.split()) > 10


def test_train_hands_its_options_over_and_shows_the_figures(capsys, home, monkeypatch):
    taken = {}

    def finetune(settings, on_event, **options):
        taken.update(options)
        made = runs.create(home, "recommender", "interest", {})
        made.write("report", {"ndcg10": 0.25})
        made.finish("done")
        return made

    monkeypatch.setitem(sys.modules, "apps.recommender.training", types.SimpleNamespace(finetune=finetune))
    assert run("train", "--no-promote", "--no-text", "-o", "rank=8", "-o", "learning_rate=2e-4") == 0
    assert taken == {"promote": False, "text": False, "resume": None, "rank": 8, "learning_rate": 0.0002}
    assert "0.25" in capsys.readouterr().out
    assert run("runs") == 0 and "interest" in capsys.readouterr().out
    assert run("runs", "--json") == 0


def test_evaluate_shows_a_table_and_writes_the_figures(capsys, home, monkeypatch, tmp_path):
    class Report:
        def to_table(self):
            return "ours 0.3"

        def write_json(self, path):
            path.write_text("{}")

    def evaluate(settings, dataset, folder=None, on_event=None, limit=None):
        assert (dataset, folder, limit) == ("ml_100k", tmp_path, 5)
        return Report()

    monkeypatch.setitem(sys.modules, "apps.recommender.evaluation", types.SimpleNamespace(evaluate=evaluate))
    line = [
        "evaluate",
        "--dataset",
        "ml_100k",
        "--folder",
        str(tmp_path),
        "--limit",
        "5",
        "--json",
        str(tmp_path / "f.json"),
    ]
    assert run(*line) == 0
    assert "ours 0.3" in capsys.readouterr().out and (tmp_path / "f.json").read_text() == "{}"
