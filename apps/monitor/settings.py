"""The monitor's settings, each with its reason; ``load_settings`` reads file, environment and overrides."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, field_validator

from apps import APPS
from apps.monitor.records import TOPICS
from core.settings import CoreSettings, Section, load


class Reading(Section):
    """How texts are read."""

    english_model: str = Field(
        default="all-minilm-l6-v2", description="base model of the English reader; gemma-3-270m reads better and slower"
    )
    chinese_model: str = Field(default="gemma-3-270m", description="base model of the Chinese reader")
    english_adapter: str | None = Field(default="auto", description="LoRA adapter; auto is the bundled or promoted one")
    chinese_adapter: str | None = Field(default="auto", description="LoRA adapter; auto is the bundled or promoted one")
    gazetteer: Path | None = Field(
        default=None, description="csv of companies (id,name,aliases,ticker,country,sector); none is the sample's"
    )
    well_known: bool = Field(
        default=True, description="find some 300 large listed companies (data/companies.csv) besides the gazetteer's"
    )
    topics: tuple[str, ...] = Field(
        default=TOPICS, min_length=1, max_length=100, description="topic keys; a new one needs training, or words"
    )
    topic_words: dict[str, tuple[str, ...]] = Field(
        default={}, description="words that speak for a topic, beside those known to; wafer* takes wafers too"
    )
    abstain_below: float | None = Field(
        default=None, ge=0, le=1, description="confidence under which mood is left open; none is what training fitted"
    )


class Stories(Section):
    """When two items are one story."""

    similarity: float = Field(
        default=0.55, ge=0.3, le=1, description="estimated Jaccard of shingles from which texts are one story"
    )
    days: int = Field(default=3, ge=1, le=60, description="how long a story takes in reposts; memory grows with it")
    most: int = Field(
        default=200_000, ge=100, le=10_000_000, description="stories compared with at most; oldest go first"
    )


class Trends(Section):
    """How long counts are kept."""

    minute_days: int = Field(default=3, ge=1, le=60, description="days of one-minute windows kept")
    hour_days: int = Field(
        default=120, ge=7, le=3660, description="days of hourly windows kept; rules look back on them"
    )
    day_days: int = Field(default=3660, ge=30, le=36600, description="days of daily windows kept")
    item_days: int = Field(default=400, ge=1, le=36600, description="days whole texts are kept")
    late_after_s: float = Field(default=3600, ge=0, description="an item published longer ago counts as late")


class Intake(Section):
    """What is let in."""

    sources_file: Path | None = Field(default=None, description="TOML of [[source]] tables set up at start")
    longest_text: int = Field(
        default=20_000, ge=100, le=1_000_000, description="characters; longer texts are shortened"
    )
    oldest_days: int = Field(default=3660, ge=1, description="a date further back is not believed")
    timeout_s: float = Field(default=20.0, gt=0, le=600, description="longest wait for a feed or page")
    largest_mb: float = Field(default=20.0, gt=0, le=1024, description="largest feed, page or pushed batch read")
    batch: int = Field(default=64, ge=1, le=4096, description="items read and stored in one transaction")


class Alerting(Section):
    """Rules and messages."""

    rules_file: Path | None = Field(default=None, description="TOML of [[rule]] tables for an empty database")
    channels: dict[str, SecretStr] = Field(
        default={},
        description="name = apprise URL (mailto://, slack://, dingtalk://, feishu://, wecombot:// …) or https://",
    )
    webhook_secret: SecretStr | None = Field(default=None, description="signs the JSON webhook (HMAC-SHA256)")
    language: Literal["en", "zh"] = Field(default="en", description="of messages to people; pages have a switch")
    public_url: str = Field(default="http://127.0.0.1:8501", description="where links in messages lead")
    attempts: int = Field(default=10, ge=1, le=1000, description="tries before a message is given up")
    lease_s: float = Field(default=60.0, gt=0, le=3600, description="a sender that died loses its claim after this")
    group_wait_s: float = Field(
        default=10.0, ge=0, le=3600, description="messages of one group wait this long for others"
    )


class MonitorSection(Section):
    """Everything under ``[monitor]``."""

    load_sample: bool = Field(default=True, description="fill an empty database with the sample stream")
    live: bool = Field(
        default=True, description="sources are polled and messages sent behind; off for a process that only looks"
    )
    reading: Reading = Reading()
    stories: Stories = Stories()
    trends: Trends = Trends()
    intake: Intake = Intake()
    alerting: Alerting = Alerting()

    @field_validator("alerting")
    @classmethod
    def _channels_have_a_scheme(cls, value: Alerting) -> Alerting:
        for name, address in value.channels.items():
            if "://" not in address.get_secret_value():
                raise ValueError(f"monitor.alerting.channels.{name} must be a URL such as mailto://… or https://…")
        return value

    @field_validator("reading")
    @classmethod
    def _words_are_of_topics_there_are(cls, value: Reading) -> Reading:
        unknown = [topic for topic in value.topic_words if topic not in value.topics]
        if unknown:
            raise ValueError(f"monitor.reading.topic_words.{unknown[0]} is no topic: add it to monitor.reading.topics")
        return value


class MonitorSettings(CoreSettings):
    """The stem's settings and the monitor's section."""

    monitor: MonitorSection = MonitorSection()


def load_settings(file: Path | None = None, overrides: Mapping[str, object] | None = None) -> MonitorSettings:
    """Defaults < ``trifolium.toml`` < environment < ``overrides``; ``SettingsError`` names a wrong or unknown key."""
    return load(MonitorSettings, file=file, overrides=overrides, siblings=[name for name in APPS if name != "monitor"])
