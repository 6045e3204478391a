"""The root of the command line: light, one sentence per error, exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from apps.__main__ import options_first, run
from apps.terminal import Given, parse_overrides, plain, progress
from core.errors import SettingsError
from core.events import Log, Progress

ROOT = Path(__file__).parents[1]
HEAVY = ("torch", "transformers", "peft", "streamlit", "fastapi", "sqlalchemy", "pandas", "sklearn", "faiss")


def loaded_by(line: list[str]) -> subprocess.CompletedProcess:
    names = (*HEAVY, "apps.upkeep", "apps.monitor.commands", "apps.recommender.commands")
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
    for name in ("chatbot", "monitor", "recommender", "run", "api", "ui", "models", "adapters", "doctor", "settings"):
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
        (["chatbot", "train", "--max-steps", "x"], "--max-steps must be a whole number, got 'x'"),
        (["chatbot", "fit", "--error-rate", "2", "q.jsonl"], "--error-rate must be at most 0.5, got '2'"),
        (["chatbot", "hit", "-k", "0", "q"], "-k must be at least 1, got '0'"),
        (["chatbot", "train", "-o", "epochs=abc"], "Training option 'epochs' must be a number, got 'abc'"),
        (["monitor", "train", "-o", "batch_size=2.5"], "'batch_size' must be a whole number, got '2.5'"),
        (["recommender", "train", "-o", "text=no"], "'text' is no training option: give it as --text"),
        (["chatbot", "ask", "how", "long", "is", "it"], "'long is it' is more than the command takes: put a text"),
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


def test_settings_say_where_each_value_comes_from(capsys, monkeypatch):
    monkeypatch.setenv("TRIFOLIUM_SERVER__PORT", "8123")
    monkeypatch.setenv("COLUMNS", "200")
    assert run(["--set", "chatbot.retrieval.passages=7", "settings"]) == 0
    lines = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert lines["chatbot.retrieval.passages"][1:] == ["7", "given"]
    assert lines["server.port"][1:] == ["8123", "in", "TRIFOLIUM_SERVER__PORT"]
    assert lines["server.host"][1:] == ["127.0.0.1", "default"]


def test_an_adapter_is_added_checked_promoted_rolled_back_and_removed(tmp_path, home, capsys):
    from tests import tiny

    base = tiny.causal_lm(tmp_path / "base")
    use = ["--set", f"models.generator={base}"]
    versions = []
    for seed in (1, 2):
        folder = tiny.adapter(base, tmp_path / f"adapter{seed}", seed=seed)
        config = json.loads((folder / "adapter_config.json").read_text())
        (folder / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": "base"}))
        capsys.readouterr()
        assert run([*use, "adapters", "add", "faq", str(folder)]) == 0, capsys.readouterr().err
        versions.append(capsys.readouterr().out.split()[1])
    assert run([*use, "adapters", "check", "faq", versions[0]]) == 0
    assert "is sound" in capsys.readouterr().out
    for version in versions:
        assert run([*use, "adapters", "promote", "faq", version]) == 0
    assert run([*use, "adapters", "remove", "faq", versions[1]]) == 2  # live
    assert run(["adapters", "roll-back", "faq"]) == 0
    capsys.readouterr()
    assert run(["adapters", "list", "faq", "--json"]) == 0
    assert {one["version"]: one["live"] for one in json.loads(capsys.readouterr().out)} == {
        versions[0]: True,
        versions[1]: False,
    }
    assert run([*use, "adapters", "remove", "faq", versions[1]]) == 0
    assert run([*use, "adapters", "check", "faq", versions[1]]) == 2
    assert run(["adapters", "list"]) == 0


def test_going_back_is_spelt_alike_everywhere_and_the_old_spelling_goes_on_working_unseen(home, capsys):
    for command in ("adapters", "recommender"):
        assert run([command, "--help"]) == 0
        shown = capsys.readouterr().out
        assert "roll-back" in shown and "rollback" not in shown
    assert run(["adapters", "rollback", "faq"]) == run(["adapters", "roll-back", "faq"]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == second and "faq" in first


def test_a_hostile_adapter_is_refused_in_one_sentence(tmp_path, capsys):
    from tests import tiny

    base = tiny.causal_lm(tmp_path / "base")
    folder = tiny.adapter(base, tmp_path / "adapter")
    (folder / "adapter_model.bin").write_bytes(b"\x80\x04")
    capsys.readouterr()
    assert run(["--set", f"models.generator={base}", "adapters", "add", "faq", str(folder)]) == 2
    shown = capsys.readouterr().err
    assert "adapter_model.bin" in shown
    assert len(shown.strip().splitlines()) == 1
    assert run(["adapters", "promote", "../../etc", "v1"]) == 2


def test_the_log_masks_personal_data_in_messages_and_traces():
    import logging

    from apps.terminal import MaskingFormatter

    try:
        raise ValueError("mail me at anna.tan@example.com")
    except ValueError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord("x", logging.ERROR, "f", 1, "call %s", ("+65 9123 4567",), trace)
    shown = MaskingFormatter("%(levelname)s %(message)s").format(record)
    assert shown.startswith("ERROR call ")
    assert "9123 4567" not in shown
    assert "anna.tan" not in shown
    assert "ValueError" in shown


def test_the_version_is_told_in_one_line(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("trifolium ")


def test_sentences_alone_leave_no_empty_line_and_are_shown_also_after_the_end(capsys):
    with progress() as on_event:
        on_event(Log("Opening …"))
    on_event(Log("Loaded."))
    on_event(Progress("late", 1, 2))
    assert capsys.readouterr().err == "Opening …\nLoaded.\n"
    with progress() as on_event:
        on_event(Progress("items", 2, 2))
    assert "items" in capsys.readouterr().err
    with progress(quiet=True) as on_event:
        on_event(Log("Opening …"))
    assert capsys.readouterr().err == ""
