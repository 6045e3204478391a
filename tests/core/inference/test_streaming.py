"""Text pieces from tokens: whole characters only, no part of a stop string."""

import pytest

from core.inference.streaming import TextStream
from core.models import loading


@pytest.fixture(scope="module")
def tokenizer(tiny_lm):
    return loading.load_tokenizer(tiny_lm)


def pieces(tokenizer, text, stop=()):
    stream = TextStream(tokenizer, stop)
    out = []
    for token in tokenizer.encode(text, add_special_tokens=False):
        out.append(stream.push(token))
        if stream.stopped:
            break
    return [*out, stream.finish()]


@pytest.mark.parametrize("text", ["Your parcel is here.", "您的包裹已经发出😀。", "naïve café — 价格"])
def test_no_piece_holds_half_a_character(tokenizer, text):
    out = pieces(tokenizer, text)
    assert "".join(out) == text
    assert all("\ufffd" not in piece for piece in out)


def test_broken_bytes_are_not_held_for_ever(tokenizer):
    lone = tokenizer.encode("价", add_special_tokens=False)[0]
    stream = TextStream(tokenizer)
    assert any(stream.push(lone) for _ in range(9))


@pytest.mark.parametrize(
    ("text", "stop", "shown"),
    [
        ("Yes.\nUser: hi", ("\nUser:",), "Yes."),
        ("Yes.\nUse it", ("\nUser:",), "Yes.\nUse it"),
        ("aaab rest", ("aab",), "a"),
        ("好的。问：还有", ("问：", "答："), "好的。"),
        ("ends with \nUs", ("\nUser:",), "ends with \nUs"),
        ("plain", ("", "zz"), "plain"),
    ],
)
def test_stop_strings_are_cut_and_their_beginnings_held_only_while_in_doubt(tokenizer, text, stop, shown):
    out = pieces(tokenizer, text, stop)
    assert "".join(out) == shown
    for length in range(1, len(out)):
        assert shown.startswith("".join(out[:length]))


def test_end_marks_are_no_text(tokenizer):
    assert "".join(pieces(tokenizer, "Yes<end_of_turn>")) == "Yes"
