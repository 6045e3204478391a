"""The engine: loads in the background, says why it cannot, and takes up an adapter promoted while it runs."""

import json
import time

from apps.chatbot import engine as engine_module
from apps.chatbot.engine import GROUNDED, Engine
from apps.chatbot.settings import load_settings
from core.inference.messages import GenerationOptions, Message
from core.models.adapters import AdapterRegistry
from tests import tiny

ASKED = [Message("user", "How long does delivery take?")]
SHORT = GenerationOptions(max_new_tokens=12)


def until(holds, seconds=60.0):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def trained(base, folder, seed):
    """A tiny adapter with its base named as training names it, by name and not by path."""
    made = tiny.adapter(base, folder, seed=seed)
    config = json.loads((made / "adapter_config.json").read_text())
    (made / "adapter_config.json").write_text(json.dumps({**config, "base_model_name_or_path": base.name}))
    (made / "README.md").unlink(missing_ok=True)
    return made


def test_an_engine_that_is_not_to_load_says_so_and_makes_nobody_wait(home, tmp_path):
    base = tiny.causal_lm(tmp_path / "base")
    said = []
    engine = Engine(load_settings(None, {"models.generator": str(base)}), load=False, on_event=said.append)
    assert engine.generator(60) is None and engine.judge(60) is None
    assert (engine.state, engine.judge_state) == ("not loaded", "not loaded")
    assert engine.names()["generator"] == str(base)
    engine.close()
    assert said == []


def test_an_adapter_promoted_or_rolled_back_is_taken_up_without_a_restart(home, tmp_path, monkeypatch):
    monkeypatch.setattr(engine_module, "WATCH_S", 0.05)
    base = tiny.causal_lm(tmp_path / "base")
    settings = load_settings(None, {"models.generator": str(base), "models.device": "cpu"})
    registry = AdapterRegistry(settings.home)
    first = registry.add(GROUNDED, trained(base, tmp_path / "one", 1), base)
    registry.promote(GROUNDED, first.version, base)
    engine = Engine(settings)
    try:
        generator = engine.generator(60)
        assert engine.state == "ready" and engine.adapter == first.version
        said_first = generator.complete(ASKED, SHORT).text
        second = registry.add(GROUNDED, trained(base, tmp_path / "two", 2), base)
        registry.promote(GROUNDED, second.version, base)
        assert until(lambda: engine.adapter == second.version)
        assert generator.complete(ASKED, SHORT).text != said_first
        registry.rollback(GROUNDED)
        assert until(lambda: engine.adapter == first.version)
        assert generator.complete(ASKED, SHORT).text == said_first
        assert engine.judge_state == "off"
    finally:
        engine.close()


def test_a_model_that_cannot_be_loaded_is_one_sentence_and_no_exception(home, tmp_path):
    engine = Engine(load_settings(None, {"models.generator": str(tmp_path / "nowhere")}))
    try:
        assert engine.generator(60) is None
        assert engine.state.startswith("failed: ") and "nowhere" in engine.state and "\n" not in engine.state
    finally:
        engine.close()
