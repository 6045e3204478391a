import numpy as np
import pytest

from apps.chatbot.mining import exchanges, mine, mine_answers
from apps.chatbot.records import ApprovedAnswer, Dialogue, Role, Status, Turn
from core.text import lexical_tokens

MAIL = "Please write to business@lanternlane.example, you get a quote within 2 working days."


def talk(id_: str, *texts: str, resolved: bool | None = True, csat: int | None = None, **more) -> Dialogue:
    """Customer and agent in turn; a text beginning with B: is the bot's."""
    roles = (Role.CUSTOMER, Role.AGENT)
    turns = [
        Turn(Role.ASSISTANT, text[2:]) if text.startswith("B:") else Turn(roles[place % 2], text)
        for place, text in enumerate(texts)
    ]
    return Dialogue(id_, tuple(turns), resolved=resolved, csat=csat, **more)


def words(texts):
    """Vectors of words, so that questions with the same words are near."""
    known = sorted({token for text in texts for token in lexical_tokens(text)})
    rows = np.array([[float(token in lexical_tokens(text)) for token in known] for text in texts], np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def pairs(*talks: Dialogue) -> list[tuple[str, str]]:
    return [(one.question, one.answer) for one in mine_answers(talks)]


def test_a_question_and_its_reply_become_a_pending_answer_without_courtesies():
    said = talk("d1", "Hello! Do gift cards expire?", "Hi! Yes, 24 months after purchase. Anything else?", "no thanks")
    (one,) = mine_answers([said])
    assert (one.question, one.answer) == ("Do gift cards expire?", "Yes, 24 months after purchase.")
    assert (one.status, one.source, one.language) == (Status.PENDING, "dialogues d1", "en")


def test_chinese_greetings_and_courtesies_go_as_well():
    said = talk("d1", "你好，礼品卡多久过期？", "您好！自购买起24个月内有效。还有问题随时联系我们。", language="zh")
    assert pairs(said) == [("礼品卡多久过期？", "自购买起24个月内有效。")]


def test_messages_in_a_row_are_one_question_and_one_reply():
    turns = [
        Turn(Role.CUSTOMER, "kettle shows E1"), Turn(Role.CUSTOMER, "its the ember"),
        Turn(Role.AGENT, "That is dry-boil."), Turn(Role.AGENT, "Let it cool."), Turn(Role.CUSTOMER, "works!"),
    ]  # fmt: skip
    (one,) = exchanges(turns)
    assert one[:3] == ("kettle shows E1\nits the ember", "That is dry-boil.\nLet it cool.", "works!")


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (("Hi!", "Hello, what can I do for you?"), "no question"),
        (("can I talk to a human please", "Sure, this is Priya speaking today."), "handed over"),
        (("my order is late, where is it", "I'll transfer you to a colleague."), "handed over"),
        (("is it here, my mail is ann@example.org", "Yes, all is well with it."), "personal data"),
        (("where does the parcel go to", "It goes to Blk 12 Jalan Besar #03-45 Singapore 208787."), "personal data"),
        (("how do I order fifty cups", "Write what you need to [mail] and we will quote."), "personal data"),
        (("where is my lamp", "May I have the order number?"), "no answer"),
        (("where is my lamp", "It was sent on Monday, order LL-204655."), "about one case"),
        (("how loud is the mill", "I don't have a figure for that grinder."), "the agent was not sure"),
    ],
)
def test_what_helps_nobody_else_is_passed_over_with_the_reason(texts, reason):
    mined = mine([talk("d1", *texts)])
    assert mined.answers == []
    assert mined.passed_over[reason] == 1


def test_unresolved_and_unhappy_dialogues_teach_nothing():
    texts = ("Do gift cards expire?", "Yes, 24 months after purchase.")
    assert pairs(talk("d1", *texts, resolved=False), talk("d2", *texts, csat=2)) == []
    assert len(pairs(talk("d3", *texts, resolved=None))) == 1


def test_the_bots_own_words_are_not_learnt():
    assert pairs(talk("d1", "Do gift cards expire?", "B:Yes, 24 months after purchase.")) == []


def test_a_follow_up_that_leans_on_what_was_said_is_left_out():
    said = talk(
        "d1", "Do gift cards expire?", "Yes, 24 months after purchase.", "and that one?", "The printed card does too.",
        "What does engraving a cup cost?", "Engraving costs S$12 and adds 3 working days.",
    )  # fmt: skip
    assert {question for question, _ in pairs(said)} == {"Do gift cards expire?", "What does engraving a cup cost?"}


def test_the_shops_own_address_is_no_personal_data():
    said = [talk(f"d{n}", f"discount for {n}0 cups?", MAIL, intent=f"i{n}") for n in range(3)]
    assert len(pairs(*said)) == 3
    assert pairs(said[0]) == []  # named once it may be anybody's


def test_repeated_questions_become_one_with_the_best_reply_and_the_other_wordings():
    worse = talk("d1", "how long do gift cards last?", "Gift cards last 24 months.", csat=3)
    better = talk("d2", "gift cards last how long", "Gift cards last 24 months after purchase.", "perfect", csat=5)
    other = talk("d3", "does the kettle last long?", "The kettle has a warranty of 24 months.")
    first, second = mine_answers([worse, better, other], words)
    assert (first.question, first.answer) == ("gift cards last how long", "Gift cards last 24 months after purchase.")
    assert first.similar_questions == ("how long do gift cards last?",)
    assert second.source == "dialogues d3"


def test_other_figures_intents_or_languages_are_not_merged():
    one = talk("d1", "how much is delivery to Malaysia?", "Delivery to Malaysia is 14 dollars.")
    two = talk("d2", "how much is delivery to Macau?", "Delivery to Macau is 22 dollars.")
    assert len(mine_answers([one, two], words)) == 2
    same = ("how long do gift cards last?", "Gift cards last 24 months.")
    assert len(mine_answers([talk("d1", *same, intent="a"), talk("d2", *same, intent="b")], words)) == 2


def test_what_the_team_answered_or_rejected_is_not_mined_again():
    known = ApprovedAnswer("a1", "how long do gift cards last?", "Gift cards last 24 months.", status=Status.REJECTED)
    mined = mine([talk("d1", "gift cards last how long", "Gift cards last 24 months.")], words, [known])
    assert mined.answers == []
    assert mined.passed_over["known already"] == 1


def test_mining_twice_gives_the_same_ids():
    said = talk("d1", "Do gift cards expire?", "Yes, 24 months after purchase.")
    assert mine_answers([said])[0].id == mine_answers([said])[0].id
