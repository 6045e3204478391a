"""Phrases that say a company cannot pay what it owes, and how far they move the mood that a model read.

A head that learnt moods from headlines takes the stiff wording of notices and auditors ("may not meet all obligations
when due", "资不抵债") for neutral, or is unsure of it. Knows phrases only; whose debts they are, the reader knows.
"""

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from apps.monitor.topic_words import pattern
from core.characters import fold

# Written as topic words are. Of 17 texts of the sample with one company or none and one of these, 17 are negative.
PHRASES = """
insolvent files_for…bankruptcy filed_for…bankruptcy filing_for…bankruptcy declared_bankrupt winding-up_petition
winding-up_order doubt*…going_concern going_concern_doubt* debt_default* default*_on…bond* default*_on…debt*
default*_on…loan* default*_on…notes default*_on…payment* unable_to…repay* unable_to_pay…debt* unable_to…obligations
unable_to_service…debt* may_not…repay* may_not…meet…obligations might_not…meet…obligations not_be_able_to_repay
not_be_able_to…obligations cannot_meet…obligations cannot_repay cannot_pay…debt* cannot_service…debt* fail*_to_repay
fail*_to_meet…obligations fail*_to_make…payment* miss*…interest_payment* miss*…coupon* miss*…bond_payment*
miss*…debt_payment* miss*…loan_payment*
无力偿还 无力偿付 无力兑付 无力清偿 无法偿还 无法偿付 无法兑付 无法清偿 无法按期偿 无法按期兑 无法如期偿 无法如期兑
不能按期偿 不能按期兑 不能清偿 未能偿还 未能偿付 未能兑付 未能按期偿 未能按期兑 未能如期偿 未能如期兑 未按期偿
未按期兑 未按时兑付 未按时偿还 到期未付 逾期未付 逾期未还 资不抵债 违约 爆雷 破产清算 申请破产 宣告破产 清盘呈请
清盘令 资金链断裂 债务逾期
"""
# What takes it back: a few words before it in the same sentence, or right behind it
DENIALS = r"""
no not never nor without avoid\w* avert\w* prevent\w* escap\w* den(?:y|ies|ied|ying) rul(?:es|ed|ing)_out reject\w*
dismiss\w* emerg\w*_from exit\w* out_of free_of instead_of rather_than far_from \w+n['’]t cured? if previously
"""
DENIALS_ZH = """
(?<!得)不(?!得不) 未 没 无 并非 零 避免 免于 摆脱 否认 澄清 化解 防止 防范 解除 走出 撤销 撤回 驳回 如果 假如 若
"""
OVERTAKEN = """
avoided averted denied prevented dismissed withdrawn cured unlikely ruled_out risk risks swap swaps rate rates insurance
rumour rumours rumor rumors
"""
OVERTAKEN_ZH = "金 率 责任 条款 概率 可能 的可能 互换 传闻 风险 之虞 化解 已化解 解除 已解除 已撤"
WEIGHT = 1.5  # in log-odds: turns a reader that is unsure, not one that is sure of something else
_SAID = pattern(PHRASES.split())


def _any(words: str) -> str:
    return f"(?:{'|'.join(word.replace('_', ' ') for word in words.split())})"


_BEFORE = re.compile(
    rf"(?:(?<![a-z]){_any(DENIALS)}(?:[^a-z0-9.;!?]+[^\s.;!?]+){{0,3}}?[^a-z0-9.;!?]+"
    rf"|未收到[^。；！？]{{0,14}}|{_any(DENIALS_ZH)}[^，。；！？、]{{0,5}})$"
)
_BEHIND = re.compile(rf"\W+(?:(?:is|was|were|are|has been|have been)\W+)?{_any(OVERTAKEN)}\b|{_any(OVERTAKEN_ZH)}")
_REACH = 80  # characters before a phrase in which a denial is looked for


def cannot_pay(text: str) -> bool:
    """Whether a text says that somebody does not pay what is due, and does not take it back.

    >>> [cannot_pay(said) for said in ("Alba defaults on its bonds", "Alba avoids a default on its bonds")]
    [True, False]
    >>> [cannot_pay(said) for said in ("阿尔巴银行无力偿还到期债务", "阿尔巴摆脱破产清算", "违约率下降")]
    [True, False, False]
    """
    folded = fold(text)
    return any(
        not _BEFORE.search(folded[max(0, one.start() - _REACH) : one.start()]) and not _BEHIND.match(folded, one.end())
        for one in _SAID.finditer(folded)
    )


def moved(moods: npt.NDArray[np.floating], texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """(texts, 3) in the order of ``LABELS`` in, the same out: more negative where a text says so."""
    if not texts:
        return np.asarray(moods, np.float32)
    weighed = np.asarray(moods, float).copy()
    weighed[:, 0] *= np.exp(WEIGHT * np.array([cannot_pay(text) for text in texts], float))
    return np.asarray(weighed / weighed.sum(axis=1, keepdims=True), np.float32)
