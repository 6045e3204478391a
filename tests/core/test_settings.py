import json
import stat
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from core.errors import SettingsError
from core.setting_check import explain
from core.settings import CoreSettings, Section, home, load, public


class Retrieval(Section):
    passages: int = Field(5, ge=1, le=50, description="how many passages are shown to the model")
    weights: dict[str, float] = Field(default_factory=dict)
    stop_words: list[str] = Field(default_factory=list)
    greeting: str | None = None


class ToySection(Section):
    retrieval: Retrieval = Field(default_factory=Retrieval)
    shop: str = "Lane"


class ToySettings(CoreSettings):
    toy: ToySection = Field(default_factory=ToySection)


@pytest.fixture
def toml(tmp_path, monkeypatch):
    """Writes trifolium.toml into a working directory of its own."""
    monkeypatch.delenv("TRIFOLIUM_CONFIG")
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return lambda text: (folder / "trifolium.toml").write_text(text, encoding="utf-8")


def complaint(**given) -> str:
    """The sentence that a wrong override raises; dots in keys are written as two underscores here."""
    with pytest.raises(SettingsError) as caught:
        load(ToySettings, overrides={key.replace("__", "."): value for key, value in given.items()})
    return str(caught.value)


def test_defaults_are_usable_and_stay_on_this_machine(home):
    settings = load(CoreSettings)
    assert settings.home == home
    assert settings.database_address == f"sqlite:///{home.as_posix()}/trifolium.db"
    assert (settings.server.host, settings.models.generator, settings.training.report_to) == (
        "127.0.0.1",
        "gemma-3-270m",
        "none",
    )


def test_command_line_beats_environment_beats_file_beats_default(toml, monkeypatch):
    assert load(ToySettings).toy.retrieval.passages == 5
    toml("[toy.retrieval]\npassages = 6\n[server]\nport = 9000")
    assert load(ToySettings).toy.retrieval.passages == 6
    monkeypatch.setenv("TRIFOLIUM_TOY__RETRIEVAL__PASSAGES", "7")
    assert load(ToySettings).toy.retrieval.passages == 7
    settings = load(ToySettings, overrides={"toy.retrieval.passages": "8"})
    assert (settings.toy.retrieval.passages, settings.server.port) == (8, 9000)  # neighbours of the key are kept


def test_an_override_of_none_means_not_given(toml):
    toml("[server]\nport = 9000")
    assert load(CoreSettings, overrides={"server.port": None}).server.port == 9000


def test_the_file_named_by_argument_beats_the_one_named_by_variable(tmp_path, monkeypatch):
    by_variable, by_argument = tmp_path / "a.toml", tmp_path / "b.toml"
    by_variable.write_text("log_level = 'ERROR'")
    by_argument.write_text("log_level = 'DEBUG'")
    monkeypatch.setenv("TRIFOLIUM_CONFIG", str(by_variable))
    assert load(CoreSettings).log_level == "ERROR"
    assert load(CoreSettings, file=by_argument).log_level == "DEBUG"


def test_tables_of_other_apps_are_skipped_unread(toml, monkeypatch):
    toml("[monitor]\nnonsense = 1\n[toy]\nshop = '小巷'")
    monkeypatch.setenv("TRIFOLIUM_MONITOR__NONSENSE", "2")
    assert load(ToySettings, siblings=("monitor", "recommender")).toy.shop == "小巷"
    with pytest.raises(SettingsError, match="Unknown setting 'monitor'"):
        load(ToySettings, siblings=("recommender",))


def test_an_unknown_key_is_named_with_value_origin_and_nearest_key(toml, monkeypatch):
    assert complaint(toy__retrieval__pasages=3) == (
        "Unknown setting 'toy.retrieval.pasages' = 3 (given); the nearest known is 'passages' "
        "(known here: greeting, passages, stop_words, weights)."
    )
    monkeypatch.setenv("TRIFOLIUM_MODELS__DEVISE", "cpu")
    with pytest.raises(SettingsError, match=r"'models.devise' = 'cpu' \(in TRIFOLIUM_MODELS__DEVISE\).*'device'"):
        load(CoreSettings)
    monkeypatch.delenv("TRIFOLIUM_MODELS__DEVISE")
    toml("[sever]\nport = 1")
    with pytest.raises(SettingsError, match=r"'sever' \(in trifolium.toml\).*nearest known is 'server'"):
        load(CoreSettings)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("server.port", "abc", "must be a whole number from 1 to 65535, got 'abc' (given)."),
        ("server.port", 0, "must be a whole number from 1 to 65535, got 0 (given)."),
        ("server.port", 65536, "got 65536"),
        ("server.port", 80.5, "got 80.5"),
        ("server.port", True, "must be a whole number from 1 to 65535, got True (given)."),
        ("server.port", [1], "got [1]"),
        ("server.port", {"x": 1}, "got {'x': 1}"),
        ("server.port", "none", "got 'none'"),
        ("server.max_body_mb", "nan", "must be a number above 0 and of at most 4096, got 'nan'"),
        ("server.max_body_mb", "inf", "got 'inf'"),
        ("models.threads", 0, "must be a whole number from 1 to 1024 or 'auto', got 0"),
        ("models.threads", "atuo", "got 'atuo' (given); the nearest is 'auto'."),
        ("models.quantize", "int4", "must be 'auto', 'none', 'int8', '4bit' or '8bit', got 'int4'"),
        ("models.quantize", None, None),
        ("models.device", "gpu", "must be auto, cpu, mps, cuda or cuda:<number>, got 'gpu'"),
        ("models.verify_weights", "perhaps", "must be true or false, got 'perhaps'"),
        ("models.generator", 5, "must be text, got 5"),
        ("models.remote_url", "localhost:9", "must be an http(s) address or none, got 'localhost:9'"),
        ("models", "fast", "must be a table, got 'fast'"),
        ("log_level", "loud", "must be 'DEBUG', 'INFO', 'WARNING' or 'ERROR', got 'loud'"),
        ("home", 5, "must be a path, got 5"),
        ("database_url", "mydb", "must be a SQLAlchemy URL or none, got 'mydb'"),
        ("toy.retrieval.stop_words", "a,b", "must be a list, each item text, got 'a,b'"),
        ("toy.retrieval.weights", {"a": "x"}, "must be a table, got"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(key, value, words):
    if words is None:
        assert load(ToySettings, overrides={key: value}).models.quantize == "auto"
        return
    with pytest.raises(SettingsError) as caught:
        load(ToySettings, overrides={key: value})
    message = str(caught.value)
    assert message.startswith(f"Setting '{key}") and words in message
    assert "\n" not in message and "pydantic" not in message and message.endswith(".")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"server.host": "0.0.0.0"}, "server.api_key must be set when server.host is '0.0.0.0'"),
        ({"server.host": "example.org"}, "server.api_key must be set"),
        ({"server.port": 8501}, "server.port and server.ui_port must differ, both are 8501."),
        ({"models.remote_url": "http://x/v1"}, "models.remote_model must name the model"),
        ({"models.remote_model": "qwen"}, "models.remote_url must be set"),
    ],
)
def test_contradictions_are_refused_by_name(given, words):
    with pytest.raises(SettingsError) as caught:
        load(CoreSettings, overrides=given)
    assert words in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_key(host):
    assert load(CoreSettings, overrides={"server.host": host}).server.host == host


def test_secrets_appear_neither_in_errors_nor_in_saved_settings(monkeypatch):
    assert "short" not in complaint(server__api_key="short")
    monkeypatch.setenv("TRIFOLIUM_DATABASE_URL", "postgresql+psycopg://ada:trap@word@db/x")
    settings = load(CoreSettings, overrides={"server.api_key": "[trap-key]"})
    assert settings.server.api_key is not None and settings.server.api_key.get_secret_value() == "[trap-key]"
    saved = json.dumps(public(settings))
    assert "trap" not in saved and "trap-key" not in repr(settings)
    assert public(settings)["database_url"] == "postgresql+psycopg://ada:***@db/x"


@pytest.mark.parametrize("word", ["none", "None", "null", ""])
def test_the_word_none_is_none_only_where_none_is_allowed(monkeypatch, word):
    monkeypatch.setenv("TRIFOLIUM_MODELS__GENERATOR_ADAPTER", word)
    monkeypatch.setenv("TRIFOLIUM_TOY__SHOP", word)
    settings = load(ToySettings)
    assert settings.models.generator_adapter is None and settings.toy.shop == word
    assert load(CoreSettings, overrides={"models.quantize": "none"}, siblings=["toy"]).models.quantize == "none"


def test_lists_and_tables_can_be_given_as_json(monkeypatch):
    monkeypatch.setenv("TRIFOLIUM_TOY__RETRIEVAL__STOP_WORDS", '["的", "the"]')
    monkeypatch.setenv("TRIFOLIUM_TOY__RETRIEVAL__WEIGHTS__LEXICAL", "0.5")
    monkeypatch.setenv("TRIFOLIUM_TOY__RETRIEVAL__GREETING", '{"hello"}')
    monkeypatch.setenv("TRIFOLIUM_SERVER", '{"port": 9001}')
    settings = load(ToySettings)
    assert settings.toy.retrieval.stop_words == ["的", "the"]
    assert settings.toy.retrieval.weights == {"lexical": 0.5}
    assert (settings.toy.retrieval.greeting, settings.server.port) == ('{"hello"}', 9001)


def test_variables_that_a_cluster_sets_are_not_ours(monkeypatch):
    monkeypatch.setenv("TRIFOLIUM_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("TRIFOLIUM_SERVICE_PORT_HTTP", "80")
    monkeypatch.setenv("TRIFOLIUM_PORT", "tcp://10.0.0.1:80")
    monkeypatch.setenv("TRIFOLIUM_PORT_80_TCP_ADDR", "10.0.0.1")
    assert load(CoreSettings).server.port == 8000
    monkeypatch.setenv("TRIFOLIUM_PORT", "9000")  # a person who forgot SERVER__
    with pytest.raises(SettingsError, match="Unknown setting 'port'"):
        load(CoreSettings)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"port = = 1", "is not valid TOML: .* line 1"),
        (b"shop = '\xff'", "must be UTF-8 text"),
        (b"a = 1\na = 2", "is not valid TOML"),
    ],
)
def test_a_broken_file_is_named(tmp_path, content, words):
    (tmp_path / "bad.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=f"settings file '.*bad.toml' {words}"):
        load(CoreSettings, file=tmp_path / "bad.toml")


def test_a_named_file_must_exist_and_an_empty_or_marked_one_is_fine(tmp_path):
    with pytest.raises(SettingsError, match="does not exist"):
        load(CoreSettings, file=tmp_path / "absent.toml")
    with pytest.raises(SettingsError, match="is not a file"):
        load(CoreSettings, file=tmp_path)
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbflog_level = 'error'")
    assert load(CoreSettings, file=tmp_path / "bom.toml").log_level == "ERROR"


def test_home_is_made_with_its_folders_and_a_bad_one_is_named(tmp_path):
    settings = load(CoreSettings, overrides={"home": str(tmp_path / "new" / "place")})
    assert sorted(folder.name for folder in home(settings).iterdir()) == ["adapters", "models", "runs"]
    assert stat.S_ISDIR((settings.home / "runs").stat().st_mode)
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match="Setting 'home' must be a folder that can be written"):
        home(CoreSettings(home=tmp_path / "file"))


def test_home_understands_the_tilde_and_is_absolute(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load(CoreSettings, overrides={"home": "~/t"}).home == tmp_path / "t"
    monkeypatch.chdir(tmp_path)
    assert load(CoreSettings, overrides={"home": "t"}).home == tmp_path / "t"
    monkeypatch.setenv("TRIFOLIUM_HOME", "")
    assert load(CoreSettings).home.is_absolute()


def test_settings_cannot_be_changed_after_loading():
    settings = load(ToySettings)
    with pytest.raises(ValidationError):
        settings.toy.retrieval.passages = 9
    with pytest.raises(ValidationError):
        settings.log_level = "DEBUG"


def test_every_setting_of_the_stem_is_explained():
    rows = {row.key: row for row in explain(ToySettings)}
    assert rows["server.port"].allowed == "a whole number from 1 to 65535"
    assert rows["toy.retrieval.passages"].default == "5"
    assert all(row.reason for row in rows.values() if not row.key.startswith("toy."))


def test_constructing_reads_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("TRIFOLIUM_CONFIG", str(Path(tmp_path) / "absent.toml"))
    assert CoreSettings().server.port == 8000
