"""What is near the words somebody searched for, on goods whose right answer can be seen."""

from apps.recommender.catalogue_search import nearest_in_words
from apps.recommender.records import Item

GOODS = (
    Item("head", "Headlamp 300"),
    Item("bell", "Bicycle bell", "Brass, loud."),
    Item("box", "Cedar box", tags=("gift",)),
    Item("toy", "Bear", "For children from three years on."),
    Item("pot", "紫砂壶"),
    Item("oolong", "Roasted oolong", "A dark tea."),
)


def near(words: str) -> list[str]:
    return [one.id for one in nearest_in_words(words, GOODS, 5)]


def test_a_misspelt_word_finds_what_was_meant():
    assert near("headlmap") == ["head"]
    assert near("bicylce") == ["bell"] == near("bycicle")


def test_of_several_words_those_that_say_something_count():
    assert near("something for tea") == ["oolong"]
    assert near("gift for a child") == ["box", "toy"]


def test_a_chinese_word_finds_those_that_share_a_character():
    assert near("茶壶") == ["pot"]


def test_what_is_like_nothing_finds_nothing():
    assert near("zzzz") == near("for a") == near("") == []
