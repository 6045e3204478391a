"""Settings of the stem and how any settings class is loaded.

Order: defaults < ``trifolium.toml`` < ``TRIFOLIUM_A__B`` in the environment < overrides (the command line). A key
nobody knows is an error, never ignored. Importing this module reads nothing; only ``load`` reads file and environment.
"""

import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from platformdirs import user_data_dir
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.errors import SettingsError
from core.setting_check import allows_none, check_tree, sentence
from core.setting_sources import PREFIX, gather

FOLDERS = ("models", "adapters", "runs")
NONE_WORDS = ("", "none", "null")  # TOML and the environment have no null


def _without_none_words(cls: type[BaseModel], data: Any) -> Any:
    if not isinstance(data, dict):
        return data
    said = {k for k, v in data.items() if isinstance(v, str) and v.lower() in NONE_WORDS and k in cls.model_fields}
    return {k: None if k in said and allows_none(cls.model_fields[k]) else v for k, v in data.items()}


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Section(BaseModel):
    """Base of every group of settings: frozen, unknown keys refused, the word "none" is None where None is allowed."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True, protected_namespaces=()
    )

    @model_validator(mode="before")
    @classmethod
    def _none_words(cls, data: Any) -> Any:
        return _without_none_words(cls, data)


class ModelSettings(Section):
    """Which models are used and where they run."""

    generator: str = Field(default="gemma-3-270m", description="a bundled name, a folder, a GGUF file or a hub id")
    generator_adapter: str | None = Field(
        default="auto", description="LoRA adapter; auto is the bundled grounded-answer adapter"
    )
    encoder: str = Field(default="all-minilm-l6-v2", description="vectors for English text")
    multilingual_encoder: str = Field(
        default="use-multilingual-v3", description="vectors for Chinese and 14 more languages"
    )
    device: str = Field(
        default="auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d+)?)$",
        description="auto, cpu, mps, cuda or cuda:<number>; auto takes a GPU if there is one",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        default="auto", description="auto is what the device is fastest with"
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = Field(
        default="auto", description="auto measures: more is not always faster"
    )
    quantize: Literal["auto", "none", "int8", "4bit", "8bit"] = Field(
        default="auto", description="smaller weights; 4bit and 8bit need a GPU"
    )
    verify_weights: bool = Field(
        default=True, description="compare bundled weights with their pinned hash before first use"
    )
    remote_url: str | None = Field(
        default=None,
        pattern=r"^https?://\S+$",
        description="an http(s) address or none; an OpenAI-compatible server that generates instead",
    )
    remote_model: str | None = Field(default=None, description="the model's name on that server")
    remote_key: SecretStr | None = Field(default=None, description="bearer key for that server")
    remote_timeout_s: float = Field(
        default=60.0, gt=0, le=3600, description="longest wait for one reply of that server"
    )

    @model_validator(mode="after")
    def _remote_is_whole(self) -> Self:
        if self.remote_url and not self.remote_model:
            raise ValueError("models.remote_model must name the model to use when models.remote_url is set")
        if self.remote_model and not self.remote_url:
            raise ValueError("models.remote_url must be set when models.remote_model is set")
        return self


class ServerSettings(Section):
    """Where the doors listen and how much they let in."""

    host: str = Field(
        default="127.0.0.1", min_length=1, description="only this machine by default; anything else needs api_key"
    )
    port: int = Field(default=8000, ge=1, le=65535, description="HTTP API")
    ui_port: int = Field(default=8501, ge=1, le=65535, description="pages")
    api_key: SecretStr | None = Field(default=None, min_length=8, description="callers send it as a bearer token")
    max_concurrent: int = Field(
        default=8, ge=1, le=10000, description="requests worked on at once; further ones get 429"
    )
    max_body_mb: float = Field(default=25, gt=0, le=4096, description="largest request body")

    @model_validator(mode="after")
    def _open_only_with_key(self) -> Self:
        if not _is_loopback(self.host) and self.api_key is None:
            raise ValueError(f"server.api_key must be set when server.host is '{self.host}': others can reach it")
        if self.port == self.ui_port:
            raise ValueError(f"server.port and server.ui_port must differ, both are {self.port}")
        return self


class TrainingDefaults(Section):
    """What every fine-tune of every app starts from."""

    report_to: Literal["none", "tensorboard", "wandb"] = Field(
        default="none", description="a tracker beside the run folder; none sends nothing"
    )
    seed: int = Field(default=13, ge=0, le=2**32 - 1, description="the same seed, data and versions give the same run")
    keep_checkpoints: int = Field(default=2, ge=1, le=100, description="resumable checkpoints kept on disk per run")


class CoreSettings(BaseSettings):
    """What the stem needs. An app adds its section: ``class ChatbotSettings(CoreSettings): chatbot: ChatbotSection``.

    ``CoreSettings()`` is the defaults and takes values by keyword; files and environment are read by ``load`` alone.
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
        validate_default=True,
        protected_namespaces=(),
        env_prefix=PREFIX,
    )

    home: Path = Field(
        default_factory=lambda: Path(os.environ.get(PREFIX + "HOME") or user_data_dir("trifolium", appauthor=False)),
        description="folder for the database, models, adapters and runs",
    )
    database_url: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9+]+://",
        description="a SQLAlchemy URL or none; none is SQLite in home, postgresql+psycopg://… a server",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="how much the log tells"
    )
    models: ModelSettings = ModelSettings()
    server: ServerSettings = ServerSettings()
    training: TrainingDefaults = TrainingDefaults()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what ``load`` hands over: it merges the sources itself, to refuse unknown keys and name origins."""
        return (init_settings,)

    @model_validator(mode="before")
    @classmethod
    def _none_words(cls, data: Any) -> Any:
        return _without_none_words(cls, data)

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: Any) -> Any:
        return value.upper() if isinstance(value, str) else value

    @field_validator("home")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        return value.expanduser().absolute()

    @property
    def database_address(self) -> str:
        """``database_url``, or the SQLite file in ``home`` when none is set."""
        return self.database_url or f"sqlite:///{(self.home / 'trifolium.db').as_posix()}"


S = TypeVar("S", bound=CoreSettings)


def load(
    cls: type[S],
    *,
    file: Path | None = None,
    overrides: Mapping[str, object] | None = None,
    siblings: Sequence[str] = (),
) -> S:
    """Settings of class ``cls`` from defaults, file, environment and overrides, the later winning key by key.

    ``file`` is read if given, else ``$TRIFOLIUM_CONFIG``, else ``trifolium.toml`` in the working directory if there.
    ``overrides`` has dotted keys (``"chatbot.retrieval.passages": 5``); a value of None means "not given".
    Top-level tables named in ``siblings`` (the other apps') are skipped unread. Raises ``SettingsError``, one sentence.
    """
    tree, origins = gather(cls, file, overrides or {}, siblings)
    check_tree(cls, tree, origins)
    try:
        return cls(**tree)
    except ValidationError as error:
        raise SettingsError(sentence(cls, error, tree, origins)) from None


def home(settings: CoreSettings) -> Path:
    """The home folder with its sub-folders, made if missing. Raises ``SettingsError`` when it cannot be written."""
    try:
        for name in FOLDERS:
            (settings.home / name).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        found = f"'{settings.home}': {error.strerror}"
        raise SettingsError(f"Setting 'home' must be a folder that can be written, got {found}.") from error
    return settings.home


def public(settings: BaseModel) -> dict[str, Any]:
    """The settings as JSON-ready values without secrets: keys are stars, a database password is cut out of its URL."""
    values = settings.model_dump(mode="json")
    if isinstance(values.get("database_url"), str) and "@" in values["database_url"]:
        scheme, _, rest = values["database_url"].partition("://")
        user = rest.rsplit("@", 1)[0].split(":")[0]
        values["database_url"] = f"{scheme}://{user}:***@{rest.rsplit('@', 1)[1]}"
    return values
