"""Names that are known here: of companies, topics, sources, rules; a sentence with the nearest for one that is not."""

from collections.abc import Iterable

from apps.monitor.cases import Cases
from apps.monitor.common_words import is_common_word
from apps.monitor.rules import Rule, parse_rules, rules_to_use
from apps.monitor.store import Work
from core.errors import DataError, NotFoundError
from core.reasons import Reason, joined, known, reason

PROVEN = 2  # stories from which a common word that is taken for a name is one
KINDS = {"company": "公司", "topic": "主题", "source": "来源", "rule": "规则"}
NO_SUCH = ("There is no {kind} '{name}'; {known}.", "没有名为“{name}”的{kind}；{known}。")
NO_TOPIC = (
    "Rule '{rule}' is confined to topic '{name}', which is not told apart here; {known}.",
    "规则“{rule}”限定的主题“{name}”不在可识别的主题之列；{known}。",
)
UNHEARD = (
    "Rule '{rule}' names {kind} '{name}', of which nothing has come yet: check the spelling; {known}.",
    "规则“{rule}”提到的{kind}“{name}”尚未出现过，请检查拼写；{known}。",
)


class NameCases(Cases):
    """What is known by name, and whether what somebody names is."""

    def check_names(self, company: str = "", topic: str = "", source: str = "", rule: str = "") -> None:
        """``NotFoundError`` with the nearest known one for a name of which nothing here has heard."""
        asked = {"company": company, "topic": topic, "source": source, "rule": rule}
        for kind, name in asked.items():
            if name and name not in (names := self._known(kind)):
                raise NotFoundError(reason(NO_SUCH, kind=_kind(kind), name=name, known=known(name, names)))

    def check_rules(self, toml: str) -> tuple[Rule, ...]:
        """The rules of a text; ``DataError`` for what is wrong in it, a topic that is not told apart among it."""
        rules = rules_to_use(toml)
        topics = self._known("topic")
        strange = [
            reason(NO_TOPIC, rule=rule.name, name=name, known=known(name, topics))
            for rule in rules
            for name in rule.topics
            if name not in topics
        ]
        if strange:
            raise DataError(joined(strange))
        return rules

    def rule_doubts(self, toml: str) -> list[Reason]:
        """A sentence for each company and source that the rules name and of which nothing has come: it still may."""
        rules = parse_rules(toml)
        companies, sources = self._known("company"), self._known("source")
        named = [(one.name, "company", name) for one in rules for name in (*one.companies, *one.except_companies)]
        named += [(one.name, "source", name) for one in rules for name in one.sources]
        heard = {"company": companies, "source": sources}
        return [
            reason(UNHEARD, rule=rule, kind=_kind(kind), name=name, known=known(name, heard[kind]))
            for rule, kind, name in named
            if name not in heard[kind]
        ]

    def _known(self, kind: str) -> set[str]:
        """Every name of a kind: those that the settings, files and rules give, that items brought, that alerts bear.

        Alerts stay when the items they rest on are taken out again.
        """
        with self._store.reading() as work:
            if kind == "rule":
                return {rule.name for rule in self._desk.rules(work)}
            brought = {*work.counts.names(kind), *work.alerts.names(kind)}
            if kind == "source":
                return brought | set(work.sources.sources())
        return brought | set(self._companies() if kind == "company" else self.topics())

    def unproven(self, work: Work, names: Iterable[str]) -> set[str]:
        """Those of the names that are no company's for all that is known: a common word, and one story's name alone."""
        listed = self._companies()
        doubtful = [name for name in names if is_common_word(name) and name not in listed]
        told = work.items.story_counts("company", doubtful)
        return {name for name in doubtful if told.get(name, 0) < PROVEN}

    def topics(self) -> list[str]:
        """Topics of the settings."""
        return list(self.settings.monitor.reading.topics)


def _kind(kind: str) -> Reason:
    return Reason(kind, KINDS[kind])
