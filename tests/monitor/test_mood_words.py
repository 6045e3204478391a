"""Phrases that say a company cannot pay: found in both languages, never where they are denied, evidence and no verdict."""

import numpy as np
import pytest

from apps.monitor.mood_words import PHRASES, WEIGHT, cannot_pay, moved

UNSURE, CALM = [0.4, 0.45, 0.15], [0.05, 0.9, 0.05]


@pytest.mark.parametrize(
    "text",
    [
        "Alba Bank may not meet all obligations when due",
        "Alba is insolvent, its auditor says",
        "Alba defaults on its 2027 bonds",
        "Alba is unable to repay its holders",
        "Alba misses a coupon of 31 million",
        "Alba has filed for Chapter 11 bankruptcy",
        "No news from the board. Alba fails to repay a loan",
        "海岚银行无力偿还到期债务",
        "海嵐銀行資不抵債",
        "海岚债券违约",
        "供应商申请破产清算，海岚停工",
        "海岚不得不申请破产",
    ],
)
def test_a_company_that_cannot_pay_is_seen(text) -> None:
    assert cannot_pay(text)


@pytest.mark.parametrize(
    "text",
    [
        "Alba meets all obligations when due",
        "No default on Alba's bonds, says the trustee",
        "Alba is not insolvent, its auditor says",
        "Alba averts a default on its bonds",
        "Alba denies it is unable to repay its holders",
        "Alba's winding-up petition was dismissed",
        "Alba avoids bankruptcy",
        "Insurance against a debt default rate of two percent",
        "海岚未违约，按时兑付",
        "海岚摆脱破产清算",
        "海岚坚决不违约",
        "海岚否认债券违约",
        "海岚未收到任何债权人的清盘呈请",
        "违约率连降三月",
        "海岚提前偿还到期债务",
    ],
)
def test_what_is_denied_averted_or_a_rate_is_not(text) -> None:
    assert not cannot_pay(text)


def test_a_phrase_turns_a_reader_that_is_unsure_and_none_that_is_sure_of_something_else() -> None:
    texts = ["海岚资不抵债", "海岚资不抵债", "海岚开会"]
    unsure, sure, untouched = moved(np.array([UNSURE, CALM, UNSURE]), texts)
    assert unsure.argmax() == 0 and sure.argmax() == 1
    assert untouched == pytest.approx(UNSURE)
    assert np.log(unsure[0] / unsure[1]) - np.log(0.4 / 0.45) == pytest.approx(WEIGHT, abs=1e-5)
    assert [row.sum() for row in (unsure, sure)] == pytest.approx([1, 1])
    assert moved(np.zeros((0, 3)), []).shape == (0, 3)


def test_phrases_are_written_once_and_in_both_languages() -> None:
    words = PHRASES.split()
    assert len(set(words)) == len(words)
    assert 15 < sum(word[0].isascii() for word in words) < len(words) - 15
