"""Labelled texts become what a reader is taught: one marked text per company, names only where all were found."""

from apps.monitor.labelled import LabelledCompany, LabelledItem, located, mood, places
from apps.monitor.lessons import COMPANIES, SENTIMENT, TOPICS, company_lessons, heads, lessons, marked
from apps.monitor.records import Label

TEXT = "Alba soars, Cora slips; Alba's chief smiles"


def two_companies() -> LabelledItem:
    companies = (located(TEXT, "Alba", Label.POSITIVE), located(TEXT, "Cora", Label.NEGATIVE))
    return LabelledItem("1", TEXT, "en", mood(companies), ("market",), companies)


def test_a_text_of_two_companies_teaches_three_times() -> None:
    text, alba, cora = lessons([two_companies()], topics=("market", "credit"))
    assert text.text == TEXT and dict(text.labels) == {TOPICS: ("market",)}  # no mood of its own: they differ
    assert [TEXT[a:b] for a, b, _ in text.spans[COMPANIES]] == ["Alba", "Cora", "Alba"]
    assert alba.text == "[[Alba]] soars, Cora slips; Alba's chief smiles" and alba.labels[SENTIMENT] == ("positive",)
    assert cora.text == "Alba soars, [[Cora]] slips; Alba's chief smiles" and cora.labels[SENTIMENT] == ("negative",)


def test_names_are_not_taught_where_one_of_them_was_not_found() -> None:
    item = LabelledItem(
        "1", "Profit fell", "en", Label.NEGATIVE, companies=(LabelledCompany("Alba", label=Label.NEGATIVE),)
    )
    text, company = lessons([item])
    assert not text.spans
    assert company.text == "Alba: Profit fell"


def test_topics_nobody_asked_for_are_left_out_and_an_empty_list_is_a_statement() -> None:
    (text,) = lessons([LabelledItem("1", "Rain", "en", topics=("weather",))], topics=("market",))
    assert dict(text.labels) == {TOPICS: ()}
    assert list(lessons([LabelledItem("1", "Rain", "en")], topics=("market",))) == []


def test_other_names_of_a_company_are_names_too_and_the_longest_wins() -> None:
    text = "海岚银行被罚，海岚称将整改"
    company = LabelledCompany("海岚银行", 0, 4, Label.NEGATIVE, also=("海岚",))
    (lesson, _) = lessons([LabelledItem("1", text, "zh", companies=(company,))])
    assert [text[a:b] for a, b, _ in lesson.spans[COMPANIES]] == ["海岚银行", "海岚"]


def test_the_three_ways_of_pointing() -> None:
    assert marked("Alba up", "Alba", 0, 4, "brackets") == "[[Alba]] up"
    assert marked("Alba up", "Alba", 0, 4, "prefix") == "Alba: Alba up"
    assert marked("Alba up", "Alba", 0, 4, "both") == "Alba: [[Alba]] up"


def test_a_company_without_a_mood_teaches_no_mood() -> None:
    item = LabelledItem("1", "Alba met Cora", "en", companies=(located("Alba met Cora", "Alba"),))
    assert list(company_lessons(item)) == []


def test_a_name_is_found_as_a_word_and_else_inside_one() -> None:
    assert located("Nokian tyres beat Nokia", "Nokia").start == 18
    assert located("ALBA BANK FINED", "Alba Bank").name == "ALBA BANK"
    assert located("Midcaps rally", "Midcap").start == 0
    assert not located("Profit fell", "Alba").found
    assert places("Alba and Albany and alba", "Alba") == [0]


def test_the_reader_has_three_heads_in_one_order() -> None:
    made = heads(("market", "credit"))
    assert made.names == (SENTIMENT, TOPICS, COMPANIES)
    assert made[SENTIMENT].labels == ("negative", "neutral", "positive")
