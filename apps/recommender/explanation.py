"""Why an item is in a list, in words: the strongest part of its score, the items it follows from; or why it is not.

Sentences are templates in English and Chinese; nothing is generated. Knows titles, parts and stages only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

LONGEST_TITLE = 48  # characters of a title inside a sentence

_WHY: Mapping[str, Mapping[str, str]] = {
    "en": {
        "text": "Its description is close to {items}.",
        "words": "It shares words with {items}: {words}.",
        "behaviour": "People who chose {items} also chose this.",
        "popularity": "Many people want this at the moment.",
        "recency": "It is new in the catalogue.",
        "unmet": "Hardly anybody has met it yet.",
        "brand": "It is of the same brand as {items}.",
        "category": "It is in the same category as {items}.",
        "text_alone": "Its description fits what you looked at.",
        "behaviour_alone": "People with a similar history chose this.",
        "rule_alone": "The shop's own figures speak for it.",
        "unfinished": "You began with this and have not finished.",
        "nothing": "Nothing known of you speaks for it yet.",
    },
    "zh": {
        "text": "它的描述与{items}相近。",
        "words": "它与{items}有共同的词：{words}。",
        "behaviour": "选择了{items}的人也选择了它。",
        "popularity": "最近很多人想要它。",
        "recency": "它是新上架的。",
        "unmet": "目前还很少有人接触过它。",
        "brand": "它与{items}是同一品牌。",
        "category": "它与{items}属于同一品类。",
        "text_alone": "它的描述符合您看过的内容。",
        "behaviour_alone": "与您经历相似的人选择了它。",
        "rule_alone": "店铺自己的数据为它加分。",
        "unfinished": "您之前看中了它，还没有完成。",
        "nothing": "目前还没有信息表明您会喜欢它。",
    },
}
_STAGE: Mapping[str, Mapping[str, str]] = {
    "en": {
        "unknown": "There is no item '{item}' in the catalogue.",
        "filter": "It may not be shown: {rules}.",
        "route": "No route proposed it: others are more popular, and others closer to what is known of this person.",
        "ranking": "It was ranked {rank}, below the first {k}.",
        "diversity": "It was ranked {rank} by interest but gave way to variety, mix, freshness or a cap.",
        "shown": "It is shown at place {place}. {why}",
    },
    "zh": {
        "unknown": "目录中没有商品“{item}”。",
        "filter": "它不能展示：{rules}。",
        "route": "没有任何渠道推荐它：有别的商品更热门，也有别的商品更接近此人的已知兴趣。",
        "ranking": "它排在第 {rank} 位，未进入前 {k} 名。",
        "diversity": "按兴趣它排在第 {rank} 位，但为多样性、类别比例、新品或上限让了位。",
        "shown": "它展示在第 {place} 位。{why}",
    },
}
_RULE: Mapping[str, Mapping[str, str]] = {
    "en": {
        "exclude_seen": "the person has met it already", "refused": "the person refused it",
        "available_only": "it is not available", "categories": "it is of another category",
        "languages": "it is in another language", "price_min": "it costs too little",
        "price_max": "it costs too much", "blocked_items": "it is blocked",
        "blocked_categories": "its category is blocked", "blocked_brands": "its brand is blocked",
        "most_per_category": "the list has enough of its category",
        "most_per_brand": "the list has enough of its brand",
    },
    "zh": {
        "exclude_seen": "此人已经看过", "refused": "此人表示不喜欢", "available_only": "暂时无货",
        "categories": "属于其他类别",
        "languages": "是其他语言的内容", "price_min": "价格过低", "price_max": "价格过高", "blocked_items": "已被屏蔽",
        "blocked_categories": "所属类别被屏蔽", "blocked_brands": "所属品牌被屏蔽",
        "most_per_category": "列表中同类商品已足够", "most_per_brand": "列表中同品牌商品已足够",
    },
}  # fmt: skip


def strongest(parts: Mapping[str, float]) -> str:
    """The part that speaks most for an item, "nothing" when none does."""
    best = max(("text", "behaviour", "popularity", "recency", "rule"), key=lambda part: parts.get(part, 0.0))
    return best if parts.get(best, 0.0) > 0 else "nothing"


def sentence(part: str, titles: Sequence[str], language: str, shared: Sequence[str] = ()) -> str:
    """One sentence for the strongest part, naming up to two items it follows from.

    ``part`` may be finer than the score's: brand or category for rule, unmet for the recency of an item that is not new
    but has met hardly anybody, words for a text that has these ``shared`` ones.
    """
    words = _WHY[language]
    if part in ("text", "behaviour", "rule") and not titles:
        return words[f"{part}_alone"]
    return words[part].format(items=_named(titles, language), words=("、" if language == "zh" else ", ").join(shared))


def stage_sentence(
    stage: str,
    language: str,
    *,
    item: str = "",
    rules: Sequence[str] = (),
    rank: int = 0,
    k: int = 0,
    place: int = 0,
    why: str = "",
) -> str:
    """One sentence on where an item ended."""
    names = _RULE[language]
    said = ("，" if language == "zh" else "; ").join(names[rule] for rule in rules)
    return _STAGE[language][stage].format(item=item, rules=said, rank=rank, k=k, place=place, why=why)


def _named(titles: Sequence[str], language: str) -> str:
    short = [
        title if len(title) <= LONGEST_TITLE else f"{title[: LONGEST_TITLE - 1].rstrip()}…" for title in titles[:2]
    ]
    if language == "zh":  # a book brings its own marks, other goods are no titles
        return "和".join(title if title.startswith("《") else f"“{title}”" for title in short)
    return " and ".join(f"“{title}”" for title in short)
