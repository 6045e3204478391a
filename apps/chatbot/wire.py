"""What goes over the wire beside the records: the bodies of requests and answers, OpenAI's schema among them.

Shapes and their examples only; knows no service and no server.
"""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from apps.chatbot.records import Audience, Decision, Evidence, Message, Rating, Status

MODEL = "trifolium-chatbot"
LONGEST = 8000  # characters of one message; a customer's question is far shorter, a pasted book is not a question
# parameters whose absence changes what the caller gets: refused, not ignored
REFUSED = ("tools", "functions", "tool_choice", "function_call", "logprobs", "audio", "prediction", "logit_bias")


def _example(**fields: Any) -> ConfigDict:
    return ConfigDict(json_schema_extra={"example": fields})


def _clean(text: str) -> str:
    """Without NUL, which PostgreSQL cannot keep; half a character (a lone surrogate) is nobody's words."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"the text must be Unicode, character {error.start} is half of one") from error
    return text.replace("\x00", "")


Text = Annotated[str, AfterValidator(_clean)]


class ContentPart(BaseModel):
    """A part of a message's content; text alone is read."""

    type: Literal["text"]
    text: Text


class ChatMessage(BaseModel):
    """One message of the history; ``content`` is text or a list of text parts."""

    role: Literal["system", "developer", "user", "assistant"]
    content: Text | list[ContentPart] | None = None

    @property
    def words(self) -> str:
        """The content as one text."""
        if isinstance(self.content, list):
            return "\n".join(part.text for part in self.content)
        return self.content or ""


class StreamOptions(BaseModel):
    """OpenAI's ``stream_options``."""

    include_usage: bool = False


class TrifoliumRequest(BaseModel):
    """Our part of a chat request. With ``conversation_id`` the server keeps the history and reads the last message."""

    model_config = ConfigDict(extra="forbid")
    conversation_id: str | None = None
    language: Literal["en", "zh"] | None = None
    slots: dict[str, Text] = Field(default_factory=dict, description="facts for {slots}, such as order_number")


class ChatRequest(BaseModel):
    """OpenAI's chat completion request.

    Sampling is the assistant's own matter: ``temperature``, ``max_tokens`` and the like are accepted and listed under
    ``trifolium.ignored`` in the answer; tools, several choices and forced formats are refused.
    """

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "example": {
                "model": MODEL,
                "messages": [{"role": "user", "content": "How long does standard delivery take?"}],
                "stream": False,
            }
        },
    )
    model: str = MODEL
    messages: list[ChatMessage] = Field(min_length=1, max_length=200)
    stream: bool = False
    stream_options: StreamOptions | None = None
    n: int | None = Field(default=1, ge=1, le=1)
    response_format: dict[str, Any] | None = None
    trifolium: TrifoliumRequest = TrifoliumRequest()

    @model_validator(mode="after")
    def _answerable(self) -> "ChatRequest":
        extra = self.model_extra or {}
        for name in REFUSED:
            if extra.get(name) not in (None, False, [], {}, "none"):
                raise ValueError(f"{name} is not supported by this assistant")
        if self.response_format and self.response_format.get("type", "text") != "text":
            raise ValueError("response_format must be text")
        last = self.messages[-1]
        if last.role != "user" or not last.words.strip():
            raise ValueError("the last message must be the user's and not empty")
        if max(len(one.words) for one in self.messages) > LONGEST:
            raise ValueError(f"a message may have at most {LONGEST} characters")
        return self

    @property
    def history(self) -> list[tuple[str, str]]:
        """What customer and assistant said before the last message, as (role, text)."""
        return [(one.role, one.words) for one in self.messages[:-1] if one.role in ("user", "assistant")]

    @property
    def ignored(self) -> list[str]:
        """Names of parameters that were accepted and have no effect here."""
        names = [name for name, value in (self.model_extra or {}).items() if value is not None and name not in REFUSED]
        return sorted(names + ["system"] * any(one.role in ("system", "developer") for one in self.messages))


class TrifoliumAnswer(BaseModel):
    """Our part of a chat answer: what was decided and why, the evidence cited, and the conversation to go on with."""

    conversation_id: str
    message_id: str | None = None
    decision: Decision | None = None
    citations: list[Evidence] = []
    standalone: str | None = Field(default=None, description="a follow-up question as it was searched for")
    latency_ms: dict[str, float] = {}
    ignored: list[str] = []


class Usage(BaseModel):
    """Estimated (a Chinese character, or four others, count as one): approved answers pass no tokenizer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class AnswerMessage(BaseModel):
    """The assistant's message."""

    role: Literal["assistant"] = "assistant"
    content: str


class Choice(BaseModel):
    """The one choice."""

    index: int = 0
    message: AnswerMessage
    finish_reason: Literal["stop", "length"] = "stop"


class ChatAnswer(BaseModel):
    """OpenAI's chat completion with our extra field."""

    id: str
    object: Literal["chat.completion"] = "chat.completion"
    created: int
    model: str = MODEL
    choices: list[Choice]
    usage: Usage
    trifolium: TrifoliumAnswer


class ModelCard(BaseModel):
    """An assistant that can be named in ``model``."""

    id: str
    object: Literal["model"] = "model"
    created: int = 0
    owned_by: str = "trifolium"


class ModelList(BaseModel):
    """OpenAI's list of models."""

    object: Literal["list"] = "list"
    data: list[ModelCard]


class NewConversation(BaseModel):
    """The language of the interface until the customer's own words tell another."""

    model_config = _example(language="zh")
    language: Literal["en", "zh"] = "en"


class NewMessage(BaseModel):
    """A customer's message, or an agent's in a conversation handed over."""

    model_config = _example(text="Where is my parcel?", slots={"order_number": "LL-20931"})
    text: Text = Field(min_length=1, max_length=LONGEST)
    slots: dict[str, Text] = {}


class TurnAnswer(BaseModel):
    """The bot's stored message, with its decision, evidence and milliseconds per stage."""

    message: Message
    standalone: str | None = None


class FeedbackBody(BaseModel):
    """A thumb on a bot message."""

    model_config = _example(rating="down", reason="wrong", comment="That is the price for Malaysia.")
    rating: Rating
    reason: Text | None = Field(default=None, max_length=200)
    comment: Text | None = Field(default=None, max_length=4000)


class AnswerBody(BaseModel):
    """An approved answer as people write it; its id is in the path or made by the server."""

    model_config = _example(
        question="How long does standard delivery take?",
        answer="Standard delivery in Singapore takes 2 to 4 working days.",
        similar_questions=["when will my order arrive"],
        language="en",
    )
    question: Text = Field(min_length=1, max_length=LONGEST)
    answer: Text = Field(min_length=1, max_length=LONGEST)
    similar_questions: list[Text] = Field(default=[], max_length=200)
    category: str | None = None
    intent: str | None = None
    language: Literal["en", "zh"] = "en"
    valid_from: date | None = None
    valid_until: date | None = None
    status: Status = Status.APPROVED


class TextBody(BaseModel):
    """A document sent as text."""

    model_config = _example(title="Care of linen", text="Wash at 40 °C.", language="en")
    title: Text = Field(min_length=1, max_length=300)
    text: Text = Field(min_length=1)
    language: Literal["en", "zh"] | None = None


class DocumentCard(BaseModel):
    """A document without its text."""

    id: str
    title: Text
    source: str
    language: str
    audience: Audience
    valid_from: date | None
    valid_until: date | None
    characters: int


class HitQuestion(BaseModel):
    """A question to see what search finds for it."""

    model_config = _example(question="can I return opened tea?", k=5)
    question: Text = Field(min_length=1, max_length=LONGEST)
    k: int = Field(default=10, ge=1, le=100)
    language: Literal["en", "zh"] | None = None


class ClusterAnswer(BaseModel):
    """An answer to a cluster of unanswered questions."""

    model_config = _example(question="Do you ship to Japan?", answer="Not yet.", similar=["ship japan?"], language="en")
    question: Text = Field(min_length=1, max_length=LONGEST)
    answer: Text = Field(min_length=1, max_length=LONGEST)
    similar: list[Text] = []
    language: Literal["en", "zh"] = "en"


class FitBody(BaseModel):
    """Labelled questions (the rows of a calibration file) to fit thresholds on."""

    model_config = _example(
        questions=[{"id": "c1", "question": "opening hours?", "kind": "faq", "faq_id": "en-001"}], error_rate=0.1
    )
    questions: list[dict[str, Any]] = Field(min_length=1)
    error_rate: float | None = Field(default=None, gt=0, lt=1)
