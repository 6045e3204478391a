"""What comes in over the wire: the bodies of requests with their examples. Knows no service and no server."""

from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from apps.monitor.alert_records import Incident
from apps.monitor.records import Label
from apps.monitor.source_records import Source, SourceKind
from core.dates import DateOrder

LONGEST = 20_000  # characters of a text to classify; a longer one is an attachment, not a news item
MOST_ROWS = 10_000  # items of one request; the body's size is bounded too (server.max_body_mb)
MOST_TEXTS = 256
NAME = 200


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": fields})


def whole(value: Any) -> Any:
    """The value without NUL, which PostgreSQL cannot keep, half characters (lone surrogates) replaced; at any depth.

    >>> whole({"a": ["x\\x00", "\\ud800"]})
    {'a': ['x', '?']}
    """
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {whole(key): whole(one) for key, one in value.items()}
    return [whole(one) for one in value] if isinstance(value, list) else value


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be empty")
    return text.strip()


Text = Annotated[str, BeforeValidator(whole)]
Name = Annotated[str, BeforeValidator(whole), Field(max_length=NAME), AfterValidator(_not_blank)]


class NewItems(BaseModel):
    """A batch of items. Each has ``title`` or ``text``; sending one again (same id, or same content) does no harm."""

    model_config = _example(
        source="newsroom",
        items=[
            {
                "id": "n-1042",
                "published_at": "2026-03-10T09:15:00+08:00",
                "title": "Aldermoor Bank misses a bond payment",
                "text": "The lender said it would use its grace period.",
                "url": "https://news.example/n-1042",
                "language": "en",
                "reach": 3,
            }
        ],
    )
    items: Annotated[list[dict[str, Any]], BeforeValidator(whole)] = Field(min_length=1, max_length=MOST_ROWS)
    source: Name = "push"


class Texts(BaseModel):
    """Loose texts to be read; nothing is stored."""

    model_config = _example(texts=["Aldermoor Bank misses a bond payment", "鹤川集团上调全年业绩指引"])
    texts: list[Annotated[Text, Field(min_length=1, max_length=LONGEST)]] = Field(min_length=1, max_length=MOST_TEXTS)


class NewCorrection(BaseModel):
    """What an item really is; a part left out stays as read. ``companies`` maps a company to the mood towards it."""

    model_config = _example(by="Mei", sentiment="negative", topics=["credit"], companies={"aldermoor": "negative"})
    by: Name
    sentiment: Label | None = None
    topics: list[Name] | None = Field(default=None, max_length=50)
    companies: dict[Name, Label] | None = None


class Act(BaseModel):
    """Who acts on an alert, and a word why."""

    model_config = _example(by="Mei", note="Calling the desk.")
    by: Name
    note: Text = Field(default="", max_length=4000)


class Note(BaseModel):
    """A comment that stays with the alert."""

    model_config = _example(by="Mei", text="The company denies it; statement at noon.")
    by: Name
    text: Annotated[Text, AfterValidator(_not_blank)] = Field(max_length=4000)


class Assignment(BaseModel):
    """Whose alert it is from now on."""

    model_config = _example(by="Mei", owner="Jonas")
    by: Name
    owner: Name


class AlertSilence(BaseModel):
    """Silence this alert's series under its rule until a moment with a time zone."""

    model_config = _example(by="Mei", until="2026-03-11T08:00:00+00:00", reason="Known; being handled.")
    by: Name
    until: AwareDatetime
    reason: Text = Field(default="", max_length=4000)


class NewSilence(AlertSilence):
    """Silence what matches: empty fields match everything. With ``start`` in the future a maintenance window."""

    model_config = _example(
        by="Mei", until="2026-03-11T08:00:00+00:00", company="aldermoor", reason="Results day; we are watching by hand."
    )
    start: AwareDatetime | None = None
    rule: Text = ""
    company: Text = ""
    topic: Text = ""
    source: Text = ""


class NewRules(BaseModel):
    """A whole rule set as TOML; it becomes a new version and is in force at once."""

    model_config = _example(
        by="Mei",
        note="less sensitive at night",
        toml='[[rule]]\nname = "negative-surge"\nkind = "surge"\nper = ["company"]\nwindow = "1h"\nseverity = "high"\n',
    )
    toml: Text = Field(min_length=1, max_length=1_000_000)
    by: Name
    note: Text = Field(default="", max_length=4000)


class RulesDraft(BaseModel):
    """A rule set to look at, not to use."""

    model_config = _example(toml='[[rule]]\nname = "negative-surge"\nkind = "surge"\n')
    toml: Text = Field(min_length=1, max_length=1_000_000)


class Who(BaseModel):
    """Who does it."""

    model_config = _example(by="Mei")
    by: Name


class NewIncident(BaseModel):
    """Something that truly happened; without ``topic`` an alert on any topic of the company found it."""

    model_config = ConfigDict(extra="forbid")
    id: Name
    company: Name
    start: AwareDatetime
    end: AwareDatetime
    topic: Text = ""
    what: Text = ""

    def record(self) -> Incident:
        """The record; ``DataError`` when it ends before it begins."""
        return Incident(self.id, self.company, self.start, self.end, self.topic, self.what)


class NewBacktest(BaseModel):
    """Rules (left out: those in force) over stored history, beside incidents (left out: those known here)."""

    model_config = _example(
        since="2026-02-08T00:00:00+00:00",
        incidents=[
            {
                "id": "i1",
                "company": "aldermoor",
                "topic": "credit",
                "start": "2026-03-10T08:00:00+00:00",
                "end": "2026-03-11T08:00:00+00:00",
                "what": "missed bond payment",
            }
        ],
    )
    toml: Text | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    incidents: list[NewIncident] | None = Field(default=None, max_length=10_000)


class NewSource(BaseModel):
    """A source to be looked at from now on; its name is in the path."""

    model_config = _example(
        kind="rss", address="https://news.example/feed.xml", zone="Asia/Shanghai", every_s=120, silent_after_s=21600
    )
    kind: SourceKind
    address: Text = ""
    zone: Text = "UTC"
    language: Text = ""
    every_s: float = Field(default=300.0, ge=1)
    silent_after_s: float | None = Field(default=None, gt=0)
    paused: bool = False
    reach: int = Field(default=1, ge=1)
    columns: dict[str, str] = {}
    options: dict[str, str] = {}
    dates: DateOrder = DateOrder.UNSAID

    def record(self, name: str) -> Source:
        """The record; ``DataError`` says what does not fit."""
        return Source(name, **self.model_dump())
