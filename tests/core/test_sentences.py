import doctest
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core import sentences as module
from core.text import sentences


def cut(text: str) -> list[str]:
    return [span.text for span in sentences(text)]


def test_the_examples_in_the_docstrings_hold():
    assert doctest.testmod(module).failed == 0


# each case is written as the list of its sentences, joined by a blank
@pytest.mark.parametrize(
    "expected",
    [
        ["Dr. Lim met Mrs. Tan vs. Mr. Ho.", "They agreed."],
        ["It costs S$4.90, free from S$60.", "Version 2.0.1 is out."],
        ["Open at 9 a.m. Monday to Friday.", "Closed at 5 p.m.", "The store is far."],
        ["He works at Apple Inc.", "The firm is big."],
        ["The U.S. Army came.", "J. K. Rowling wrote it.", "Choose plan B.", "The next is C."],
        ["Use tools, e.g. a brush, i.e. no water.", "Cups, pans, etc. are fine.", "We sell cups, etc.", "Ask us."],
        ["No. 5 is sold out.", "No.", "I want no. 6."],
        ["See Fig. 3 and p. 12.", "Smith et al. found it."],
        ["Arrives on Jan. 5 or Dec. 24.", "Not later."],
        ["i bought it.", "it broke after 3 days!", "wtf?!", "help pls."],
        ["Well... maybe not.", "Hmm… Yes."],
        ["Look at https://a.example/x?id=1.2.", "Mail a.b@c.example.", "Thanks!"],
        ["He said “I like it. It works.” and left.", '"Stop!" he cried.', '"Go."', "She went."],
        ["Press (hold on! wait.) the button.", "(It beeps.)", "Then pour."],
        ["It holds 1.2 L.", "It weighs 3 kg.", "It took 5 min.", "Then it stopped."],
        ["Table 12.", "Then we left at 10.30 p.m. by bus."],
        ["**Note.** Keep it dry.", "*Really.*", "Yes."],
    ],
)
def test_english_sentences(expected):
    joined = " ".join(expected)
    expected = [
        part
        for piece in expected
        for part in ([piece] if piece != "**Note.** Keep it dry." else ["**Note.**", "Keep it dry."])
    ]
    expected = [part for piece in expected for part in ([piece] if piece != "Hmm… Yes." else ["Hmm…", "Yes."])]
    assert cut(joined) == expected


# joined by nothing
@pytest.mark.parametrize(
    "expected",
    [
        ["您好！", "请问退货怎么办理？", "急。"],
        ["价格是4.90元。", "版本2.0.1已发布。"],
        ["他说：“你好。我想退货！”", "然后走了。"],
        ["“请稍等！”他说。", "后来没人理我。"],
        ["她喊道：「別走！」", "沒人聽見。"],
        ["“七天无理由退货？”的说法不对。", "请看规定。"],
        ["请按（长按！）按钮。", "（谢谢。）", "再见"],
        ["真的吗？？！！", "太好了～谢谢！"],
        ["我等了很久……", "算了。"],
        ["Ember水壶容量1.2 L。", "加热到100 °C。", "OK吗？"],
        ["他说「好。」。", "走了！。", "完"],
        ["好的.", "那就这样吧。"],
        ["详见https://a.example/退货?x=1。", "谢谢"],
    ],
)
def test_chinese_sentences(expected):
    assert cut("".join(expected)) == expected


def test_line_breaks_end_sentences_unless_the_line_goes_on():
    assert cut("# Care\nWash warm\n\nDry flat") == ["# Care", "Wash warm", "Dry flat"]
    assert cut("1. Open the lid.\n2. Pour water.\na) Wait") == ["1. Open the lid.", "2. Pour water.", "a) Wait"]
    assert cut("This line is wrapped\nbecause it is long. Next.") == [
        "This line is wrapped\nbecause it is long.",
        "Next.",
    ]
    assert cut("- one\n- two, then\n- three") == ["- one", "- two, then", "- three"]
    assert cut("我要退货\n订单号 LL204817\n谢谢") == ["我要退货", "订单号 LL204817", "谢谢"]
    assert cut("| a | b |\n|---|---|\n| 1. x. Y | 2 |\nEnd. Ok") == [
        "| a | b |",
        "|---|---|",
        "| 1. x. Y | 2 |",
        "End.",
        "Ok",
    ]


def test_nothing_gives_nothing():
    assert sentences("") == [] and sentences(" \n\n ") == []


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="aB1 .!?。！？“”「」（）()\n…,，\"'Mr好", max_size=60))
def test_offsets_are_exact_and_nothing_is_lost(text):
    spans = sentences(text)
    assert all(text[span.start : span.end] == span.text == span.text.strip() for span in spans)
    ends = [0, *[span.end for span in spans]]
    starts = [*[span.start for span in spans], len(text)]
    assert all(not text[end:start].strip() for end, start in zip(ends, starts, strict=True))


@pytest.mark.parametrize("hostile", [". ", "a", "(", "“", "1.", "\n", "e.g. ", "好。”", "a@", "!?"])
def test_hostile_text_takes_no_more_than_linear_time(hostile):
    begin = time.process_time()
    sentences(hostile * (60_000 // len(hostile)))
    assert time.process_time() - begin < 3  # linear takes a third of a second
