"""What goes over the wire: the bodies of requests and answers with their examples, and records out of them.

Shapes only; knows no service and no server.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar
from uuid import uuid4

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema

from apps.recommender.answers import RowProblem
from apps.recommender.arrivals import event_id
from apps.recommender.records import Event, Item
from core.errors import DataError

VISITOR = "visitor"  # whose events a history without a user is
TIME = "2026-03-01T09:30:00Z"
T = TypeVar("T")
B = TypeVar("B", bound=BaseModel)


def example(**fields: Any) -> ConfigDict:
    """Model configuration: unknown fields are refused, and this is how the body looks."""
    return ConfigDict(extra="forbid", json_schema_extra={"example": fields})


def _clean(text: str) -> str:
    """Without NUL, which PostgreSQL cannot keep; half a character (a lone surrogate) is nobody's words."""
    if text.isascii():
        return text.replace("\x00", "")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the text must be Unicode, character {error.start} is half of one") from error
    return text.replace("\x00", "")


def _in_utc(moment: datetime) -> datetime:
    """One without a zone is in UTC, as in files."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Text = Annotated[str, AfterValidator(_clean)]
Id = Annotated[str, AfterValidator(_clean), Field(min_length=1, max_length=200)]
Moment = Annotated[datetime, AfterValidator(_in_utc)]
Language = Literal["en", "zh"]
Dial = Annotated[float, Field(ge=0, le=1)]


class ItemBody(BaseModel):
    """An item as a team sends it; numbers among ``attributes`` are used for ranking."""

    model_config = example(
        id="tea-oolong", title="Roasted oolong 焙火乌龙", description="Dark, sweet, from Anxi.", tags=["tea", "gift"],
        category="drinks", brand="Lantern Lane", price=12.5, created_at=TIME, attributes={"grams": 100},
    )  # fmt: skip
    id: Id
    title: Text = Field(min_length=1, max_length=2000)
    description: Text = Field(default="", max_length=20_000)
    tags: list[Text] = Field(default=[], max_length=100)
    category: Text = Field(default="", max_length=200)
    brand: Text = Field(default="", max_length=200)
    price: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    language: Literal["", "en", "zh"] = ""
    created_at: Moment | None = Field(default=None, description="without a zone: UTC")
    available: bool = True
    attributes: dict[str, float | Text] = {}

    def record(self) -> Item:
        """The item."""
        return Item(**(self.model_dump() | {"tags": tuple(self.tags)}))


class InlineItem(ItemBody):
    """A candidate that the catalogue need not have; its id is made up when left out."""

    model_config = example(title="Green tea from the spring harvest")
    id: Id = Field(default_factory=lambda: f"inline-{uuid4().hex[:12]}")


class EventBody(BaseModel):
    """Something a person did. Sent again under the same id it counts once; ``list_id`` joins it to a list served."""

    model_config = example(
        id="e-1001", user="u-42", item="tea-oolong", type="click", time=TIME, position=3,
        list_id="5f0c9a6e2b7d4c1e8a3f0b9d6c2e7a14",
    )  # fmt: skip
    id: Id | None = None
    user: Id
    item: Id
    type: Text = Field(default="click", min_length=1, max_length=40)
    time: Moment | None = Field(default=None, description="left out: now; without a zone: UTC")
    value: float | None = Field(default=None, allow_inf_nan=False, description="stars, seconds, pieces")
    position: int | None = Field(default=None, ge=1, le=100_000)
    list_id: Text = Field(default="", max_length=64)

    def record(self, now: datetime) -> Event:
        """The event; without an id the same content at the same time has the same one."""
        time = self.time or now
        made = self.id or (event_id(self.user, self.item, self.type, time, self.list_id) if self.time else uuid4().hex)
        return Event(made, self.user, self.item, self.type, time, self.value, self.position, self.list_id)


class PastEvent(BaseModel):
    """One event of a visitor nobody knows; the last one is the newest when times are left out."""

    model_config = example(item="tea-oolong", type="click")
    item: Id
    type: Text = "click"
    time: Moment | None = Field(default=None, description="without a zone: UTC")
    value: float | None = None


class FilterBody(BaseModel):
    """What may not be shown; what each rule removed is told."""

    model_config = example(categories=["drinks"], price_max=40, most_per_brand=3)
    exclude_seen: bool | None = None
    available_only: bool = True
    categories: list[Text] = []
    languages: list[Language] = []
    price_min: float | None = None
    price_max: float | None = None
    blocked_items: list[Id] = []
    blocked_categories: list[Text] = []
    blocked_brands: list[Text] = []
    most_per_category: int = Field(default=0, ge=0)
    most_per_brand: int = Field(default=0, ge=0)

    def rules(self) -> dict[str, Any]:
        """Keyword arguments of ``Filters``; what is not given is left to the settings."""
        given = self.model_dump(exclude_none=True)
        return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}


class Asker(BaseModel):
    """For whom: a person by id, or what an unknown visitor did, or nobody."""

    user: Annotated[str, AfterValidator(_clean), Field(max_length=200)] = ""
    history: list[PastEvent] = Field(default=[], max_length=500)
    language: Language = Field(default="en", description="of the reasons")
    explain: bool = True

    def events(self, now: datetime) -> list[Event]:
        """The history as events of this person."""
        first = now - timedelta(seconds=len(self.history))
        return [
            Event(f"past-{place}", self.user or VISITOR, one.item, one.type,
                  one.time or first + timedelta(seconds=place), one.value)
            for place, one in enumerate(self.history)
        ]  # fmt: skip


class Wishes(Asker):
    """How the list is meant to be; what is left out is the settings'."""

    k: int | None = Field(default=None, ge=1, le=500)
    filters: FilterBody = FilterBody()
    diversity: Dial | None = None
    freshness: Dial | None = None
    calibration: Dial | None = None
    exposure: Dial | None = None
    rerank_ms: float | None = Field(default=None, ge=0, le=60_000, description="longest reading by the cross-encoder")

    def given(self) -> dict[str, Any]:
        """Keyword arguments of the service's ``wish``."""
        names = ("k", "diversity", "freshness", "calibration", "exposure", "rerank_ms", "language", "explain")
        return {name: getattr(self, name) for name in names} | {"filters": self.filters.rules()}


class RecommendBody(Wishes):
    """A list is wanted."""

    model_config = example(user="u-42", k=10, filters={"price_max": 40}, diversity=0.3, language="en")
    details: bool = Field(default=False, description="send title, category, price of each item along")


class ScoreBody(Asker):
    """Candidates by id, or as items that the catalogue need not have."""

    model_config = example(user="u-42", candidates=["tea-oolong", {"title": "Green tea"}], explain=True)
    candidates: list[Id | InlineItem] = Field(min_length=1)
    explain: bool = Field(default=False, description="send a reason along with each; it takes a third longer")

    def records(self) -> list[str | Item]:
        """Ids and items."""
        return [one if isinstance(one, str) else one.record() for one in self.candidates]


class ExplainBody(Wishes):
    """Why is this item where it is for this person, or why is it not in the list."""

    model_config = example(user="u-42", item="tea-oolong", k=10, language="zh")
    item: Id


class SimilarBody(BaseModel):
    """Items like one."""

    model_config = example(item="tea-oolong", k=5)
    item: Id
    k: int = Field(default=10, ge=1, le=500)
    language: Language = "en"
    details: bool = False


def _rows(body: type[BaseModel]) -> Any:
    """A list whose rows are read one by one, so that a bad one loses no other; shown in the schema as what they are."""
    return WithJsonSchema({"type": "array", "items": body.model_json_schema()})


class EventsBody(BaseModel):
    """A batch of events."""

    model_config = example(events=[{"id": "e-1001", "user": "u-42", "item": "tea-oolong", "type": "click"}])
    events: Annotated[list[Any], _rows(EventBody)]


class ItemsBody(BaseModel):
    """A batch of items."""

    model_config = example(items=[{"id": "tea-oolong", "title": "Roasted oolong", "category": "drinks", "price": 12.5}])
    items: Annotated[list[Any], _rows(ItemBody)]


class VariantBody(BaseModel):
    """One arm of an experiment."""

    model_config = example(name="varied", share=0.5, dials={"diversity": 0.7})
    name: Text = Field(min_length=1, max_length=100)
    share: float = Field(gt=0, le=1)
    dials: dict[Text, Dial] = {}


class ExperimentBody(BaseModel):
    """An experiment to begin; the first variant is what the others are compared with."""

    model_config = example(
        name="more-variety", about="Does a more varied list get more clicks?",
        variants=[{"name": "as-is", "share": 0.5}, {"name": "varied", "share": 0.5, "dials": {"diversity": 0.7}}],
    )  # fmt: skip
    name: Text = Field(min_length=1, max_length=100)
    about: Text = Field(default="", max_length=2000)
    variants: list[VariantBody] = Field(min_length=2, max_length=10)


def read_rows(
    rows: Sequence[Any], body: type[B], make: Callable[[B], T], source: str
) -> tuple[list[T], list[int], list[RowProblem]]:
    """Records of the good rows, the row number of each (from 1), and what is wrong with the others."""
    good: list[T] = []
    places: list[int] = []
    problems: list[RowProblem] = []
    for place, row in enumerate(rows, start=1):
        try:
            good.append(make(body.model_validate(row)))
            places.append(place)
        except ValidationError as error:
            problems.append(RowProblem(source, place, _sentence(error)))
        except DataError as error:
            problems.append(RowProblem(source, place, str(error)))
    return good, places, problems


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{f'{where!r}: ' if where else ''}{str(first['msg']).rstrip('.')}."


def utc_now() -> datetime:
    """The moment a request came in."""
    return datetime.now(UTC)
