"""The root of the command line: light, one sentence per error, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from apps.__main__ import options_first, run
from apps.terminal import Given, parse_overrides, plain
from core.errors import SettingsError

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "peft", "streamlit", "fastapi", "sqlalchemy", "pandas", "sklearn", "faiss")


def loaded_by(line: list[str]) -> subprocess.CompletedProcess:
    names = (*HEAVY, "apps.upkeep", "apps.monitor")
    code = f"""
import sys
from apps.__main__ import run
assert run({line!r}) == 0
print("HEAVY", [name for name in {names} if name in sys.modules])
"""
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)


def test_help_lists_everything_and_imports_nothing_heavy():
    shown = loaded_by(["--help"]).stdout
    assert "HEAVY []" in shown
    for name in ("chatbot", "run", "api", "ui", "models", "adapters", "doctor", "settings"):
        assert name in shown


def test_an_apps_help_imports_nothing_heavy():
    shown = loaded_by(["chatbot", "--help"]).stdout
    assert "HEAVY []" in shown
    for name in ("ask", "chat", "ingest", "train", "evaluate", "export"):
        assert name in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (["chatbott"], "nearest known is 'chatbot'"),
        (["--nonsense"], "--nonsense"),
        (["doctor", "--set", "models.device"], "key=value"),
        (["settings", "--set", "models.devise=cpu"], "nearest known is 'device'"),
        (["settings", "--set", "chatbot.retrieval.pasages=3"], "passages"),
        (["settings", "--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(line, words, capsys):
    assert run(line) == 2
    shown = capsys.readouterr().err
    assert words in shown
    assert shown.count("\n") == 1
    assert "Traceback" not in shown


def test_set_and_config_may_stand_anywhere_before_a_double_dash():
    front = ["--set", "a.b=1", "--config=x"]
    assert options_first(["chatbot", "ask", "--set", "a.b=1", "hi", "--config=x"]) == [*front, "chatbot", "ask", "hi"]
    assert options_first(["ask", "--", "--set", "a=1"]) == ["ask", "--", "--set", "a=1"]


def test_overrides_keep_equals_signs_in_values_and_reach_other_processes_by_environment():
    assert parse_overrides(["models.remote_url=http://x/?a=b"]) == {"models.remote_url": "http://x/?a=b"}
    with pytest.raises(SettingsError, match="key=value"):
        parse_overrides(["=1"])
    given = Given(Path("t.toml"), {"chatbot.retrieval.passages": 3})
    assert given.environment() == {
        "TRIFOLIUM_CHATBOT__RETRIEVAL__PASSAGES": "3",
        "TRIFOLIUM_CONFIG": str(Path("t.toml").absolute()),
    }


def test_settings_in_effect_hide_the_key_and_take_set(capsys):
    line = ["--set", "server.api_key=correct-horse", "--set", "chatbot.retrieval.passages=7", "settings", "--json"]
    assert run(line) == 0
    shown = capsys.readouterr().out
    values = json.loads(shown)
    assert values["chatbot"]["retrieval"]["passages"] == 7
    assert "correct-horse" not in shown


def test_models_lists_size_licence_source_and_readiness(capsys):
    assert run(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["gemma-3-270m"]["licence"] == "Gemma Terms of Use"
    assert rows["gemma-3-270m"]["ready"] is False  # a new home has no converted copy yet
    assert rows["all-minilm-l6-v2"]["kind"] == "encoder"
    assert run(["models"]) == 0
    assert "Apache-2.0" in capsys.readouterr().out


def test_an_unknown_model_in_the_settings_is_a_users_mistake(capsys):
    assert run(["--set", "models.generator=gema-3-270m", "models"]) == 2
    assert "gemma-3-270m" in capsys.readouterr().err


def test_doctor_says_what_it_will_run_with_and_why(capsys):
    assert run(["--set", "models.threads=1", "--set", "models.device=cpu", "doctor", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["device"] == "cpu"
    assert "1 threads by setting" in facts["why"]
    assert facts["torch"] != "not installed"


def test_what_customers_write_cannot_steer_the_terminal():
    assert plain("ok\x1b[2J\x9b31m\r\n\ttext 你好") == "ok[2J31m\n\ttext 你好"
