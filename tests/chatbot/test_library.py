"""Knowledge as a turn sees it: approved answers in the order of all that is known of them."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apps.chatbot import library
from apps.chatbot.knowledge import Knowledge
from apps.chatbot.library import KnowledgeLibrary, ReducedLibrary, learn_answers, learn_intents, withheld_questions
from apps.chatbot.records import ApprovedAnswer
from apps.chatbot.store import Store
from tests.chatbot.test_knowledge import Letters

NOW = datetime(2026, 6, 1, tzinfo=UTC)
CARDS = ApprovedAnswer(
    "cards", "Do gift cards expire?", "The balance lapses after 24 months.", ("is my voucher valid",)
)
POINTS = ApprovedAnswer("points", "Do points expire?", "Points are kept for one year.", ("are my points valid",))
ZH = ApprovedAnswer("zh", "礼品卡会过期吗", "余额在两年后作废。", ("券多久有效",), language="zh")
ZH_POINTS = ApprovedAnswer("zh-points", "积分会过期吗", "积分保留一年。", ("分多久有效",), language="zh")
ALL = (CARDS, POINTS, ZH, ZH_POINTS)


@pytest.fixture
def knowledge(tmp_path):
    made = Knowledge(Store.open(f"sqlite:///{tmp_path / 'shop.db'}"), [Letters()], tmp_path / "home").load()
    for answer in ALL:
        made.put_answer(answer)
    return made


def order(one, query: str, language: str = "en") -> list[str]:
    return [match.evidence.id for match in one.match_answers(query, language, NOW, 5)]


@pytest.mark.parametrize(
    ("query", "language", "right"),
    [("when does the balance lapse", "en", "cards"), ("余额两年后作废 过期吗", "zh", "zh")],
)
def test_an_answers_own_words_help_to_find_it(knowledge, query, language, right):
    learnt, plain = KnowledgeLibrary(knowledge), KnowledgeLibrary(knowledge)
    learnt.learn(ALL)

    def lead(one: KnowledgeLibrary) -> float:
        scores = {match.evidence.id: match.evidence.score for match in one.match_answers(query, language, NOW, 5)}
        return scores[right] - max(score for id_, score in scores.items() if id_ != right)

    assert order(learnt, query, language)[0] == right
    assert lead(learnt) > lead(plain)


def test_scores_stay_on_the_scale_of_search(knowledge):
    learnt, plain = KnowledgeLibrary(knowledge), KnowledgeLibrary(knowledge)
    learnt.learn(ALL)
    by_search = plain.match_answers(CARDS.question, "en", NOW, 1)[0].evidence.score
    assert learnt.match_answers(CARDS.question, "en", NOW, 1)[0].evidence.score == pytest.approx(by_search, abs=0.5)


def test_one_answer_or_very_many_are_found_by_search_alone(knowledge, monkeypatch):
    assert learn_answers([CARDS], knowledge) is None
    monkeypatch.setattr(library, "MOST_CLAIMANTS", 3)
    assert learn_answers(ALL, knowledge) is None
    searching = KnowledgeLibrary(knowledge)
    searching.learn(ALL)
    assert order(searching, "do points expire")[0] == "points"


def test_a_withheld_wording_is_asked_of_a_library_that_does_not_know_it(knowledge):
    twice = [
        ApprovedAnswer("cards", "Do gift cards expire?", "After 24 months.", ("is my voucher valid", "zebra crossing")),
        POINTS,
    ]
    reduced = ReducedLibrary(knowledge, twice)
    (withheld,) = withheld_questions(twice)
    assert withheld.question == "zebra crossing"
    found = reduced.match_answers(withheld.question, "en", NOW, 5)
    assert found
    assert all("zebra" not in match.wording for match in found)


def test_of_many_answers_so_many_wordings_are_learnt_that_each_still_has_one(knowledge, monkeypatch):
    monkeypatch.setattr(library, "MOST_CLAIMANTS", 8)  # two rows for each of the four
    made = learn_answers(ALL, knowledge)
    assert made is not None and set(made.labels) == {one.id for one in ALL}


def test_what_search_alone_finds_is_not_sure_where_there_are_too_many_answers_to_learn_from(knowledge, monkeypatch):
    learnt, plain = KnowledgeLibrary(knowledge), KnowledgeLibrary(knowledge)
    learnt.learn(ALL)
    monkeypatch.setattr(library, "MOST_CLAIMANTS", 7)
    plain.learn(ALL)
    query = "do gift cards expire"
    assert order(plain, query)[0] == order(learnt, query)[0] == "cards"
    (first, *_), (sure, *_) = (one.match_answers(query, "en", NOW, 5) for one in (plain, learnt))
    assert first.evidence.score < 0.5 < sure.evidence.score
    assert first.evidence.score <= (1 - library.CLAIMED) + library.CLAIMED * library.UNCLAIMED


def test_scope_is_told_only_where_most_answers_name_their_intent(knowledge):
    named = [
        replace(one, intent=name, similar_questions=(f"{one.question} please", f"{one.question} now"))
        for one, name in ((CARDS, "cards"), (POINTS, "points"))
    ]
    unnamed = [replace(CARDS, id=f"bank-{number}") for number in range(3)]
    assert learn_intents(named, knowledge, 0.05) is not None
    assert learn_intents([*named, *unnamed], knowledge, 0.05) is None
