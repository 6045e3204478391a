"""Rules that look at the customer's words alone: follow-ups, small talk, slots, calling a person."""

import pytest

from apps.chatbot.followup import standalone
from apps.chatbot.handover import called_for
from apps.chatbot.records import Reason, Role, Turn
from apps.chatbot.smalltalk import slots_in, small_talk
from apps.chatbot.wordings import say


def asked(*texts):
    turns = []
    for text in texts:
        turns += [Turn(Role.CUSTOMER, text), Turn(Role.ASSISTANT, "Sure.")]
    return turns


@pytest.mark.parametrize(
    ("earlier", "text"),
    [
        ("How much is express delivery?", "And to Malaysia?"),
        ("How long is the kettle's warranty?", "what about the grinder"),
        ("寄马来西亚要几天", "台北呢"),
        ("加急要几点前下单？", "那这样要加多少钱？"),
        ("Can I return tea?", "Even if it is unopened?"),
    ],
)
def test_a_follow_up_is_put_behind_the_question_it_leans_on(earlier, text):
    assert standalone(text, asked(earlier)) == f"{earlier} {text}"


@pytest.mark.parametrize(
    "text",
    [
        "What are the opening hours of the Katong store on public holidays?",
        "Do you deliver pans and kettles to Hong Kong by express?",
        "热水壶显示E1错误代码应该怎么处理才能恢复正常",
    ],
)
def test_a_question_that_stands_alone_is_left_as_it_is(text):
    assert standalone(text, asked("How much is express delivery?")) is None


def test_nothing_is_put_before_the_first_question():
    assert standalone("And to Malaysia?", []) is None


@pytest.mark.parametrize(
    "text",
    [
        "I want to talk to a real person",
        "can you get me a human agent",
        "转人工",
        "给我接人工客服",
        "stop, I don't want a bot",
    ],
)
def test_asking_for_a_person_calls_one(text):
    assert called_for(text) is Reason.ASKED_FOR_PERSON


@pytest.mark.parametrize(
    "text",
    [
        "I will call my lawyer",
        "This is a scam!",
        "我要投诉你们",
        "再不退款我就报警",
        "delete all my personal data now",
        "你们太差劲了，等了三个星期都没人理我！",
        "your service is terrible, I waited two hours",
        "你们服务太差了，等了两个小时",
        "Terrible service, nobody answers my mails",
    ],
)
def test_complaints_and_threats_call_a_person(text):
    assert called_for(text) is Reason.COMPLAINT


@pytest.mark.parametrize(
    "text",
    [
        "When is customer service open?",
        "客服电话是多少",
        "How many people fit the workshop?",
        "What is the personal voucher worth?",
        "Is gift wrapping a service you offer?",
        "你们的服务时间是几点",
    ],
)
def test_asking_about_service_calls_nobody(text):
    assert called_for(text) is None


def test_small_talk_is_only_small_talk():
    assert small_talk("Hello!") == "greeting" and small_talk("您好") == "greeting"
    assert (
        small_talk("thanks a lot") == "thanks" and small_talk("谢谢啦") == "thanks" and small_talk("拜拜") == "goodbye"
    )
    assert small_talk("thanks, that was helpful") == "thanks" and small_talk("谢谢，很有帮助！") == "thanks"
    assert small_talk("thanks, that was helpful but how much is it") is None
    assert small_talk("Hello, where is my parcel?") is None and small_talk("谢谢，那运费呢") is None


@pytest.mark.parametrize(
    "text", ["are you a bot?", "Am I talking to a real person?", "who are you", "你是机器人吗？", "您是真人还是机器人"]
)
def test_a_bot_that_is_asked_says_that_it_is_one(text):
    assert small_talk(text) == "identity"
    assert "not a person" in say("identity", "en") and "不是真人" in say("identity", "zh")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I have a question", "opening"),
        ("Hello, can you help me please?", "opening"),
        ("我想问一下", "opening"),
        ("您好，请问", "opening"),
        ("ok great", "noted"),
        ("好的", "noted"),
        ("yes please", "agreement"),
        ("是的", "agreement"),
        ("no, that's all", "nothing_more"),
        ("没有了", "nothing_more"),
        ("thanks, that's all", "nothing_more"),
        ("ok thank you bye", "goodbye"),
        ("好的谢谢，再见", "goodbye"),
        ("明白了谢谢", "thanks"),
        ("Good day!", "greeting"),
    ],
)
def test_words_that_ask_nothing_are_not_searched_for_and_call_no_person(text, kind):
    assert small_talk(text) == kind
    assert say(kind, "en") and say(kind, "zh")


@pytest.mark.parametrize(
    "text",
    [
        "I have a question about bleaching",
        "can you help me find a filter?",
        "no refunds?",
        "is that all?",
        "right size?",
        "perfect gift?",
        "可以退吗",
        "没有收到货",
        "好的茶叶怎么存",
        "请问几点开门",
        "我有个问题订单没到",
        "ok, where is my parcel?",
        "不用了怎么退",
    ],
)
def test_a_question_that_begins_like_small_talk_is_a_question(text):
    assert small_talk(text) is None


def test_a_follow_up_leans_on_the_last_question_and_not_on_thanks():
    for earlier, thanks, text in (
        ("How much is express delivery?", "ok great, thanks", "And to Malaysia?"),
        ("加急要多少钱？", "好的谢谢", "那台北呢"),
    ):
        assert standalone(text, asked(earlier, thanks)) == f"{earlier} {text}"


def test_how_are_you_is_a_greeting_and_a_bare_mark_is_nothing():
    assert small_talk("how are you?") == small_talk("Hi, how are you today") == small_talk("您好吗") == "greeting"
    assert small_talk("?") is None and small_talk("how are you going to refund me") is None
    assert small_talk("are you a bot or can you refund me") is None


def test_an_order_number_fills_its_slot_and_prices_do_not():
    assert slots_in("my order is LL204817, please check") == {"order_number": "LL204817"}
    assert slots_in("it costs S$60 or 120 dollars") == {}
