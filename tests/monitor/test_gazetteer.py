"""Companies are found by any of their names, and a name that may mean something else is left open."""

from pathlib import Path

import pytest

from apps.monitor.companies import WELL_KNOWN, Company, followed, read_companies
from apps.monitor.gazetteer import Gazetteer
from apps.monitor.naming import named
from apps.monitor.no_companies import NEVER
from core.characters import fold
from core.errors import DataError
from core.inference.classification import LabelledSpan

COMPANIES = (
    Company("alba", "Alba Bank", ("Alba", "阿尔巴银行"), "ALBA"),
    Company("albion", "Albion Foods", ("Albion",), "ALB"),
    Company("drizzle", "Drizzle Coffee", ("Drizzle", "细雨"), "DRZL"),
    Company("norva_bank", "Norva Bank", ("Norva",)),
    Company("norva_fund", "Norva Fund", ("Norva",)),
    Company("hesper", "Hesper & Vail", ("Hesper",)),
)
GAZETTEER = Gazetteer(COMPANIES)


def ids(text: str, *tickers: str) -> list[str]:
    return [one.id for one in GAZETTEER.find(text, tickers) if not one.doubtful]


def test_names_are_found_in_any_script_case_and_width() -> None:
    for text in ("Alba Bank fined", "ALBA BANK FINED", "Ａｌｂａ fined", "監管處罰阿爾巴銀行", "Alba's profit"):
        assert ids(text) == ["alba"], text


def test_the_place_is_that_of_the_text_as_written() -> None:
    (one,) = GAZETTEER.find("今天　ＡＬＢＡ　下跌")
    assert one.name == "ＡＬＢＡ" and one.start == 3


def test_the_longest_name_wins_and_parts_of_words_do_not_count() -> None:
    assert [one.name for one in GAZETTEER.find("Hesper & Vail opens")] == ["Hesper & Vail"]
    assert ids("Albany is a city, Balba a lake, Albion1 a code") == []


def test_tickers_count_as_cash_tags_in_brackets_and_as_words_of_capitals() -> None:
    for text in ("$ALBA jumps", "Lender (SGX: ALBA) jumps", "Lender (ALBA.SI) jumps", "DRZL slides"):
        assert len(ids(text)) == 1, text
    assert ids("P$ALBA is a brand, $ALBANY another") == []
    assert ids("ALB is short for albumin") == []  # three letters mean too much
    assert ids("$alb falls") == ["albion"]


def test_an_everyday_word_is_doubtful_until_the_company_is_surely_named() -> None:
    assert ids("明日有细雨，出门请带伞") == []
    assert [one.doubtful for one in GAZETTEER.find("明日有细雨")] == [True]
    assert ids("细雨涨价，Drizzle Coffee 回应") == ["drizzle", "drizzle"]
    assert ids("细雨涨价", "DRZL") == ["drizzle"]  # the source says whom it is about
    assert ids("a drizzle of oil") == [] and ids("Coffee chain Drizzle expands") == ["drizzle"]


def test_a_name_of_two_companies_goes_to_the_one_named_in_full_or_to_none() -> None:
    assert ids("Norva rises") == []
    assert set(ids("Norva Bank rises; Norva pays a dividend")) == {"norva_bank"}
    assert set(ids("Norva Bank is not Norva Fund; Norva rises")) == {"norva_bank", "norva_fund"}
    assert GAZETTEER.id_of("norva") is None and GAZETTEER.id_of("ALBA bank") == "alba"


def test_a_model_settles_what_the_gazetteer_leaves_open_and_adds_what_it_does_not_know() -> None:
    text = "细雨因食安被查，星河集团受牵连"
    spans = [LabelledSpan(0, 2, "ORG", 0.9), LabelledSpan(8, 12, "ORG", 0.8)]
    assert [(one.company, one.name) for one in named(text, GAZETTEER, spans)] == [
        ("drizzle", "细雨"),
        ("星河集团", "星河集团"),
    ]
    assert named("明日有细雨", GAZETTEER, []) == []
    assert named("明日有细雨", GAZETTEER, None) == []  # nobody can tell


def test_unsure_names_and_what_is_traded_are_not_companies() -> None:
    text = "Gold slips, Zeta falls"
    spans = [LabelledSpan(0, 4, "ASSET", 0.99), LabelledSpan(12, 16, "ORG", 0.4)]
    assert named(text, GAZETTEER, spans) == []


def test_a_company_that_the_model_takes_for_an_asset_is_one_all_the_same() -> None:
    spans = [LabelledSpan(12, 16, "ASSET", 0.9)]
    assert [one.company for one in named("Gold slips, Zeta falls", GAZETTEER, spans)] == ["Zeta"]


@pytest.mark.parametrize(
    ("text", "taken", "companies"),
    [
        ("RT @zeta_fan: Zeta halts its IPO", ("RT", "zeta_fan", "Zeta", "IPO"), ["Zeta"]),
        ("CEO of Zeta sees a better Q3 in the US, Fed or no Fed", ("CEO", "Zeta", "Q3", "US", "Fed"), ["Zeta"]),
        ("the banks fell, Wall Street too", ("banks", "Wall Street", "Wall"), []),
        ("转发@星河微报：星河集团董事长称不会在Ａ股上市，央行未置评", ("转发", "星河微报", "星河集团", "董事长", "Ａ股", "央行"), ["星河集团"]),
        ("子公司已被證監會立案", ("子公司", "證監會"), []),
        ("Zeta <ZETA.N> and Brent crude rise, S&P 500 too", ("Zeta", "ZETA", "Brent crude", "S&P 500"), ["Zeta"]),
    ],
)  # fmt: skip
def test_words_that_are_never_a_company_are_none_even_when_a_model_says_so(text, taken, companies) -> None:
    spans = [LabelledSpan(text.index(name), text.index(name) + len(name), "ORG", 0.95) for name in taken]
    assert [one.company for one in named(text, GAZETTEER, spans)] == companies


def test_a_teams_own_list_and_cash_tags_stand_above_the_words_that_are_never_a_company() -> None:
    own = Gazetteer([Company("it_group", "IT", ("Capital",)), Company("yanghang", "央行")])
    text = "Capital rises; 央行 falls; $AI falls, AI does not"
    spans = [LabelledSpan(text.index(name), text.index(name) + 2, "ORG", 0.9) for name in ("央行", "AI")]
    assert [one.company for one in named(text, own, spans)] == ["it_group", "yanghang", "AI"]


def test_no_company_of_the_sample_has_a_name_that_is_never_one() -> None:
    companies = read_companies(Path(__file__).parents[2] / "data" / "samples" / "monitor" / "companies.csv")
    assert [name for one in companies for name in one.names if fold(name) in NEVER] == []


def test_signs_around_a_name_are_no_part_of_it() -> None:
    text = "[Zeta Corp.] - «Zeta» - Zeta (UK) -"
    spans = [LabelledSpan(0, 14, "ORG", 0.9), LabelledSpan(15, 22, "ORG", 0.9), LabelledSpan(23, 35, "ORG", 0.9)]
    assert [one.name for one in named(text, GAZETTEER, spans)] == ["Zeta Corp.", "Zeta", "Zeta (UK)"]


def test_a_company_named_twice_is_one() -> None:
    assert [one.start for one in named("Alba Bank said Alba would pay", GAZETTEER, [])] == [0]


def test_companies_come_from_a_csv_file_and_mistakes_are_named(tmp_path: Path) -> None:
    file = tmp_path / "companies.csv"
    file.write_text(
        "id,name,aliases,ticker,country,sector\nalba,Alba Bank,Alba|阿尔巴,ALBA,NO,banks\n", encoding="utf-8-sig"
    )
    (company,) = read_companies(file)
    assert company.names == ("Alba Bank", "Alba", "阿尔巴") and company.sector == "banks"
    file.write_text("id,name\nalba,Alba\nalba,Alba again\n")
    with pytest.raises(DataError, match="'alba' twice"):
        read_companies(file)
    file.write_text("id,name\n,Alba\n")
    with pytest.raises(DataError, match="line 2"):
        read_companies(file)
    file.write_text("id,title\n1,Alba\n")
    with pytest.raises(DataError, match="columns id, name"):
        read_companies(file)


def test_a_gazetteer_of_nobody_finds_nobody() -> None:
    assert Gazetteer(()).find("Alba Bank $ALBA") == []


def test_a_ticker_the_item_came_with_is_a_company_where_the_text_says_it() -> None:
    nobody = Gazetteer(())

    def companies(text: str, *tickers: str) -> list[tuple[str, str]]:
        return [(one.company, one.name) for one in named(text, nobody, None, tickers)]

    assert companies("$QQX falls again", "QQX") == [("QQX", "$QQX")]
    assert companies("Why QQX fell: QQX owes more", "$qqx") == [("QQX", "QQX")]
    assert companies("QQXL rises", "QQX") == [] and companies("no name here", "QQX") == []
    assert companies("Plan C is off", "C") == [] and companies("$C is off", "C") == [("C", "$C")]


WORLD = Gazetteer(read_companies(WELL_KNOWN))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Airbus delivers fewer jets than planned", ["airbus"]),
        ("比亚迪销量创新高", ["byd"]),
        ("BYD recalls 9,000 cars", ["byd"]),
        ("苹果公司和台积电", ["apple", "tsmc"]),
        ("京东方扩产，平安银行放贷", ["boe", "pingan_bank"]),
        ("$TSLA and Toyota", ["tesla", "toyota"]),
    ],
)
def test_the_best_known_companies_are_found_in_both_languages(text, ids):
    assert [one.id for one in WORLD.find(text) if not one.doubtful or one.name == "苹果公司"] == ids


@pytest.mark.parametrize(
    "text",
    [
        "Target raises its target",
        "Gap in supply widens",
        "苹果价格上涨",
        "小米丰收",
        "中国银行业",
        "Prudential rules",
        "英国石油产量",
    ],
)
def test_a_well_known_name_that_means_something_else_too_is_left_to_the_sentence(text):
    assert all(one.doubtful for one in WORLD.find(text))


def test_a_doubtful_name_counts_beside_a_sure_one_of_the_same_company():
    assert [one.doubtful for one in WORLD.find("Target Corp widens; Target falls")] == [False, False]


def test_every_ambiguous_name_is_one_of_the_companys_names():
    assert all(set(one.ambiguous) <= set(one.names) for one in WORLD.companies)


def test_a_teams_own_companies_come_first_and_a_known_one_of_the_same_name_gives_way(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("id,name,aliases\nbig_fruit,Apple Inc.,Apple\nalba,Alba Bank,\n", encoding="utf-8")
    found = followed(path, well_known=True)
    assert [one.id for one in found[:2]] == ["big_fruit", "alba"]
    assert "apple" not in {one.id for one in found} and "airbus" in {one.id for one in found}
    assert [one.id for one in followed(path, well_known=False)] == ["big_fruit", "alba"]
