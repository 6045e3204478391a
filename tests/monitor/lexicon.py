"""A small reader for tests: mood by words, companies and topics by names; the same text always reads the same."""

import re
from collections.abc import Sequence

from apps.monitor.records import CompanyMention, NewsItem, Reading, Sentiment, TopicScore
from core.text import language

BAD = ("loss", "fined", "fraud", "default", "probe", "falls", "罚款", "亏损", "违约", "欺诈", "下跌")
GOOD = ("profit", "record", "wins", "rises", "盈利", "上涨", "创新高")
COMPANIES = {"Alba Bank": "alba", "Cora Foods": "cora", "Dray Motors": "dray", "海岚银行": "hailan"}
TOPICS = {"fined": "regulation", "probe": "regulation", "罚款": "regulation", "profit": "earnings", "fraud": "scandal"}


class LexiconReader:
    """Counts words. ``read_texts`` is how many it was asked for."""

    model = "lexicon"

    def __init__(self) -> None:
        self.read_texts = 0

    def read(self, items: Sequence[NewsItem]) -> list[Reading]:
        self.read_texts += len(items)
        return [self._one(item) for item in items]

    def _one(self, item: NewsItem) -> Reading:
        text = item.full_text
        low = text.lower()
        bad, good = sum(word in low for word in BAD), sum(word in low for word in GOOD)
        mood = Sentiment(0.9, 0.08, 0.02) if bad > good else Sentiment(0.02, 0.08, 0.9) if good > bad else NEUTRAL
        topics = tuple(TopicScore(one, 0.9) for one in sorted({topic for word, topic in TOPICS.items() if word in low}))
        mentions = [
            CompanyMention(company, name, found.start(), found.end(), mood)
            for name, company in COMPANIES.items()
            for found in re.finditer(re.escape(name), text)
        ]
        said = language(text)
        return Reading(item.id, said if said in ("en", "zh") else "", mood, topics, tuple(mentions), model=self.model)


NEUTRAL = Sentiment(0.1, 0.8, 0.1)
