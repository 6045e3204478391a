"""The chatbot's settings, each with its reason; ``load_settings`` reads file, environment and overrides."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field

from apps import APPS
from core.settings import CoreSettings, Section, load


class Retrieval(Section):
    """How evidence is found."""

    passages: int = Field(
        default=5, ge=1, le=20, description="pieces of evidence the generator reads; five fit a prompt"
    )
    candidates: int = Field(default=20, ge=5, le=200, description="hits taken from each side before fusion")


class Deciding(Section):
    """When the bot answers, asks back or steps aside."""

    error_rate: float = Field(
        default=0.1, gt=0, lt=0.5, description="share of given answers that may be wrong; thresholds are fitted to it"
    )
    judge: bool = Field(
        default=True, description="a fine-tuned model reads question and candidates together; off saves 0.6 GB"
    )
    failures_before_person: int = Field(
        default=2, ge=1, le=10, description="unhelpful turns in a row before a person is called"
    )
    rejected_share: float = Field(
        default=0.02,
        gt=0,
        lt=0.5,
        description="share of approved wordings that may be taken for out of scope; of customers' own words it is more",
    )


class Replying(Section):
    """How answers are composed."""

    max_new_tokens: int = Field(default=120, ge=8, le=1024, description="longest composed answer")
    deadline_s: float = Field(default=30.0, gt=0, le=600, description="longest wait for a composed answer")
    support: float = Field(
        default=0.6,
        ge=0,
        le=1,
        description="share of a sentence's words that its evidence must hold for it to be shown",
    )


class ChatbotSection(Section):
    """Everything under ``[chatbot]``."""

    shop_name: str = Field(default="Lantern Lane", min_length=1, description="who the bot speaks for")
    load_sample: bool = Field(default=True, description="fill an empty database with the sample shop")
    retrieval: Retrieval = Retrieval()
    deciding: Deciding = Deciding()
    replying: Replying = Replying()
    workers: int = Field(default=8, ge=1, le=256, description="turns answered at the same time on the page")


class ChatbotSettings(CoreSettings):
    """The stem's settings and the chatbot's section."""

    chatbot: ChatbotSection = ChatbotSection()


def load_settings(file: Path | None = None, overrides: Mapping[str, object] | None = None) -> ChatbotSettings:
    """Defaults < ``trifolium.toml`` < environment < ``overrides``; ``SettingsError`` names a wrong or unknown key."""
    return load(ChatbotSettings, file=file, overrides=overrides, siblings=[name for name in APPS if name != "chatbot"])
