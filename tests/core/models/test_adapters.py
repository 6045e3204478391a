"""The registry refuses what is hostile or foreign with the reason, and promotes and rolls back atomically."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import stat
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import AdapterError, ConflictError, NotFoundError
from core.models import adapters
from core.models.adapted import merged, verify_effect, with_adapter
from core.models.adapter_archive import export_archive, import_archive
from core.models.adapters import AdapterRegistry, Version
from core.models.loading import load_causal_lm
from tests import tiny

WEIGHTS, CONFIG = "adapter_model.safetensors", "adapter_config.json"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a tiny base, another base, and two adapters for the first."""
    root = tmp_path_factory.mktemp("made")
    base = tiny.causal_lm(root / "tiny-lm")
    tiny.causal_lm(root / "other-lm", seed=9)
    tiny.causal_lm(root / "narrow-lm", intermediate_size=96)
    for number in (1, 2):
        folder = tiny.adapter(base, root / f"adapter-{number}", seed=number)
        (folder / "README.md").unlink(missing_ok=True)
        config = json.loads((folder / CONFIG).read_text())
        (folder / CONFIG).write_text(json.dumps({**config, "base_model_name_or_path": "tiny-lm"}))
    return root


@pytest.fixture
def base(made: Path) -> Path:
    return made / "tiny-lm"


@pytest.fixture
def fresh(made: Path, tmp_path: Path) -> Path:
    """A good adapter to spoil."""
    return Path(shutil.copytree(made / "adapter-1", tmp_path / "fresh"))


@pytest.fixture
def registry(home: Path, tmp_path: Path) -> AdapterRegistry:
    return AdapterRegistry(home, bundled=tmp_path / "no-bundled")


@pytest.fixture
def version(registry: AdapterRegistry, made: Path, base: Path) -> Version:
    return registry.add("shop", made / "adapter-1", base, metrics={"loss": 0.5}, data_hash="d" * 64, licence="CC0")


def edit(folder: Path, **changes: object) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **changes}))


# --- keeping, promoting, rolling back


def test_an_added_adapter_says_its_base_hash_data_and_figures(version: Version, base: Path) -> None:
    manifest = adapters.check(version.path, base)
    assert manifest.base == "tiny-lm" and len(manifest.base_fingerprint) == len(manifest.content_hash) == 64
    assert version.version == f"0001-{manifest.content_hash[:8]}"
    text = (version.path / "README.md").read_text()
    assert "| loss | 0.5000 |" in text and "licence: CC0" in text and manifest.base_fingerprint in text


def test_adding_the_same_adapter_twice_keeps_one_version(
    registry: AdapterRegistry, version: Version, made: Path, base: Path
) -> None:
    assert registry.add("shop", made / "adapter-1", base).path == version.path
    assert len(registry.versions("shop")) == 1


def test_promotion_and_rollback_move_the_live_version(
    registry: AdapterRegistry, version: Version, made: Path, base: Path
) -> None:
    second = registry.add("shop", made / "adapter-2", base)
    assert registry.live("shop") is None
    with pytest.raises(ConflictError, match="no earlier version"):
        registry.rollback("shop")
    registry.promote("shop", version.version, base)
    registry.promote("shop", second.version, base)
    registry.promote("shop", second.version, base)  # twice is once
    assert registry.live("shop") == second.path
    assert [each.live for each in registry.versions("shop")] == [False, True]
    assert registry.rollback("shop") == version.version
    assert registry.live("shop") == version.path
    with pytest.raises(ConflictError, match="no earlier version"):
        registry.rollback("shop")


def test_a_crash_while_promoting_leaves_the_old_version_live(
    registry: AdapterRegistry, version: Version, made: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = registry.add("shop", made / "adapter-2", base)
    registry.promote("shop", version.version, base)

    def crash(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.promote("shop", second.version, base)
    assert AdapterRegistry(registry.root.parent).live("shop") == version.path


def test_a_crash_while_adding_leaves_no_half_version(
    registry: AdapterRegistry, made: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(adapters.shutil, "copyfile", crash)
        with pytest.raises(KeyboardInterrupt):
            registry.add("shop", made / "adapter-1", base)
    assert registry.versions("shop") == []
    assert registry.add("shop", made / "adapter-1", base).version.startswith("0001-")


def test_the_bundled_adapter_is_live_until_another_is_promoted_and_rollback_returns_to_it(
    home: Path, tmp_path: Path, version: Version, base: Path
) -> None:
    shutil.copytree(version.path, tmp_path / "data" / "shop")
    shutil.copytree(version.path, tmp_path / "data" / "only")
    registry = AdapterRegistry(home, bundled=tmp_path / "data")
    assert registry.names() == ["only", "shop"]
    assert registry.live("only") == tmp_path / "data" / "only"
    assert registry.live("shop") == tmp_path / "data" / "shop"
    registry.promote("shop", version.version, base)
    assert registry.live("shop") == version.path
    assert registry.rollback("shop") == "bundled"
    assert registry.live("shop") == tmp_path / "data" / "shop"
    with pytest.raises(ConflictError, match="bundled"):
        registry.remove("only", "bundled")


def test_a_live_version_cannot_be_removed_and_another_can(
    registry: AdapterRegistry, version: Version, made: Path, base: Path
) -> None:
    second = registry.add("shop", made / "adapter-2", base)
    registry.promote("shop", second.version, base)
    with pytest.raises(ConflictError, match="is live"):
        registry.remove("shop", second.version)
    registry.remove("shop", version.version)
    assert [each.version for each in registry.versions("shop")] == [second.version]
    with pytest.raises(NotFoundError, match=f"no version '{version.version}'"):
        registry.path("shop", version.version)


@pytest.mark.parametrize("name", ["../shop", "a/b", "Shop", "", ".hidden", "a..b", "x" * 65, "käse"])
def test_a_name_that_could_be_a_path_is_refused(registry: AdapterRegistry, name: str) -> None:
    for act in (registry.live, registry.versions, registry.rollback):
        with pytest.raises(AdapterError, match="is no adapter name"):
            act(name)


# --- refusals


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"peft_type": "LOHA"}, "is of type 'LOHA', only LORA is loaded"),
        ({"r": 100_000}, "must have r of 1 to 256, found 100000"),
        ({"r": True}, "must have r of 1 to 256"),
        ({"lora_alpha": float("nan")}, "finite lora_alpha"),
        ({"lora_alpha": "8"}, "finite lora_alpha"),
        ({"target_modules": "(a+)+$"}, "gives target_modules as a pattern"),
        ({"target_modules": ["q_proj", "(a+)+$"]}, "by their plain names"),
        ({"target_modules": []}, "by their plain names"),
        ({"exclude_modules": "(a+)+$"}, "sets 'exclude_modules', which is not allowed"),
        ({"rank_pattern": {"(a+)+$": 8}}, "sets 'rank_pattern'"),
        ({"layers_pattern": "x"}, "sets 'layers_pattern'"),
        ({"layer_replication": [[0, 9999]]}, "sets 'layer_replication'"),
        ({"auto_mapping": {"parent_library": "os"}}, "sets 'auto_mapping'"),
        ({"megatron_config": {"x": 1}}, "sets 'megatron_config'"),
        ({"loftq_config": {"loftq_bits": 4}}, "sets 'loftq_config'"),
        ({"use_dora": True}, "sets 'use_dora'"),
        ({"brand_new": "surprise"}, "sets 'brand_new'"),
        ({"init_lora_weights": "pissa"}, "was initialised from the base"),
        ({"modules_to_save": ["embed_tokens"]}, "saves other modules than a head"),
        ({"bias": "all"}, "trains biases"),
        ({"task_type": "REWARD"}, "unknown task_type"),
        ({"base_model_name_or_path": "/etc/passwd"}, "which is a path or address"),
        ({"base_model_name_or_path": "https://example.org/x"}, "which is a path or address"),
        ({"base_model_name_or_path": "../x"}, "which is a path or address"),
    ],
)
def test_a_hostile_config_is_refused_with_the_reason(
    registry: AdapterRegistry, fresh: Path, base: Path, changes: dict, reason: str
) -> None:
    edit(fresh, **changes)
    with pytest.raises(AdapterError) as refused:
        registry.add("shop", fresh, base)
    assert reason in str(refused.value)
    assert registry.versions("shop") == []


def test_a_config_that_is_no_object_or_too_large_is_refused(registry: AdapterRegistry, fresh: Path, base: Path) -> None:
    for text in ("[1]", "{", "[" * 100_000, '{"a": "' + "x" * 2_000_000 + '"}'):
        (fresh / CONFIG).write_text(text)
        with pytest.raises(AdapterError, match="JSON"):
            registry.add("shop", fresh, base)


class Bomb:
    """Its pickle would make a folder; the trap below asserts that none appears."""

    def __reduce__(self) -> tuple:
        return os.mkdir, ("bomb-went-off",)


def test_a_pickle_is_refused_and_never_run(
    registry: AdapterRegistry, fresh: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (fresh / "adapter_model.bin").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(AdapterError, match=r"'adapter_model.bin', a format that can run code"):
        registry.add("shop", fresh, base)
    shutil.copyfile(fresh / "adapter_model.bin", fresh / WEIGHTS)  # under a safe name it is no safetensors file
    (fresh / "adapter_model.bin").unlink()
    with pytest.raises(AdapterError, match="not a complete safetensors file"):
        registry.add("shop", fresh, base)
    assert not (tmp_path / "bomb-went-off").exists()


def test_foreign_files_and_links_are_refused(registry: AdapterRegistry, fresh: Path, base: Path) -> None:
    (fresh / "modeling.py").write_text("print('hello')")
    with pytest.raises(AdapterError, match=r"'modeling.py', which is no file of an adapter"):
        registry.add("shop", fresh, base)
    (fresh / "modeling.py").unlink()
    (fresh / "NOTICE").symlink_to("/etc/passwd")
    with pytest.raises(AdapterError, match="'NOTICE', which is no file of an adapter"):
        registry.add("shop", fresh, base)


def test_another_base_is_refused_though_its_shapes_fit(version: Version, made: Path) -> None:
    with pytest.raises(AdapterError) as refused:
        adapters.check(version.path, made / "other-lm")
    assert "was trained for tiny-lm (sha " in str(refused.value)
    assert "the loaded model is other-lm (sha " in str(refused.value)
    assert "load tiny-lm or choose another adapter" in str(refused.value)


def test_shapes_of_another_model_are_refused(registry: AdapterRegistry, fresh: Path, made: Path) -> None:
    with pytest.raises(AdapterError, match=r"was trained for another model: .*down_proj' is \[64, 96\] in the base"):
        registry.add("shop", fresh, made / "narrow-lm")


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda t: {k: torch.zeros_like(v) if "lora_B" in k else v for k, v in t.items()}, "changes nothing"),
        (lambda t: {k: v / 0 if "lora_B" in k else v for k, v in t.items()}, "that are not finite"),
        (lambda t: {**t, "base_model.model.model.embed_tokens.weight": torch.ones(9, 9)}, "no LoRA factor and no head"),
        (lambda t: {k: v for k, v in t.items() if "lora_A" in k}, "only one of the two factors"),
        (lambda t: {k: v.double() for k, v in t.items()}, "shape or format that is not allowed"),
        (lambda t: {k: v[:2].contiguous() if "lora_A" in k else v for k, v in t.items()}, "do not fit its rank 4"),
        (lambda t: {k.replace("layers.0", "layers.7"): v for k, v in t.items()}, "which its base does not have"),
        (lambda t: {k.replace("q_proj", "k_proj"): v for k, v in t.items()}, "not one of its targets"),
    ],
)
def test_spoilt_weights_are_refused_with_the_reason(
    registry: AdapterRegistry, fresh: Path, base: Path, spoil: object, reason: str
) -> None:
    save_file(spoil(load_file(fresh / WEIGHTS)), fresh / WEIGHTS)
    with pytest.raises(AdapterError) as refused:
        registry.add("shop", fresh, base)
    assert reason in str(refused.value)


def test_a_header_that_lies_is_refused(registry: AdapterRegistry, fresh: Path, base: Path) -> None:
    data = (fresh / WEIGHTS).read_bytes()
    (fresh / WEIGHTS).write_bytes(data[:-100])  # cut off
    with pytest.raises(AdapterError, match="broken"):
        registry.add("shop", fresh, base)
    (fresh / WEIGHTS).write_bytes(struct.pack("<Q", 1 << 62) + data[8:])
    with pytest.raises(AdapterError, match="not a complete safetensors file"):
        registry.add("shop", fresh, base)


def test_contents_changed_after_adding_are_noticed(version: Version, made: Path, base: Path) -> None:
    shutil.copyfile(made / "adapter-2" / WEIGHTS, version.path / WEIGHTS)
    with pytest.raises(AdapterError, match="was changed after it was made"):
        adapters.check(version.path, base)


def test_a_run_on_another_base_is_refused_by_its_task_file(registry: AdapterRegistry, fresh: Path, base: Path) -> None:
    (fresh / "task.json").write_text(json.dumps({"task": "sft", "base": "qwen", "base_fingerprint": "0" * 64}))
    with pytest.raises(AdapterError, match="was trained on 'qwen', which is not 'tiny-lm'"):
        registry.add("shop", fresh, base)


# --- archives


def test_an_archive_carries_a_version_to_another_home(version: Version, base: Path, tmp_path: Path, home: Path) -> None:
    file = export_archive(version.path, tmp_path / "shop.zip")
    other = AdapterRegistry(tmp_path / "elsewhere", bundled=tmp_path / "none")
    arrived = import_archive(other, "shop-copy", file, base)
    assert arrived.manifest.content_hash == version.manifest.content_hash
    assert dict(arrived.manifest.metrics) == {"loss": 0.5} and arrived.manifest.licence == "CC0"


@pytest.mark.parametrize(
    "trap", ["../escaped.txt", "/escaped.txt", "sub/adapter_config.json", "setup.py", "link", "folder"]
)
def test_a_hostile_archive_is_refused_and_writes_nothing(
    registry: AdapterRegistry, version: Version, base: Path, tmp_path: Path, trap: str
) -> None:
    file = export_archive(version.path, tmp_path / "shop.zip")
    with zipfile.ZipFile(file, "a") as archive:
        entry = zipfile.ZipInfo({"link": "NOTICE", "folder": "LICENSE/"}.get(trap, trap))
        if trap == "link":
            entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(entry, "/etc/passwd")
    with pytest.raises(AdapterError, match="which is no file of an adapter"):
        import_archive(registry, "copy", file, base)
    assert registry.versions("copy") == []
    assert not list(tmp_path.rglob("escaped.txt"))


def test_an_archive_that_unpacks_to_too_much_or_is_none_is_refused(
    registry: AdapterRegistry, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from core.models import adapter_archive

    monkeypatch.setattr(adapter_archive, "MOST_WEIGHT_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(WEIGHTS, b"\0" * 100_000)
    with pytest.raises(AdapterError, match="unpacks to more than"):
        import_archive(registry, "copy", tmp_path / "bomb.zip", base)
    (tmp_path / "none.zip").write_text("no zip")
    with pytest.raises(AdapterError, match="cannot be read as a zip file"):
        import_archive(registry, "copy", tmp_path / "none.zip", base)


# --- effect


def test_a_loaded_adapter_changes_the_output_and_merged_is_the_same(version: Version, base: Path) -> None:
    model, tokenizer = load_causal_lm(base, tiny.PLAN, for_training=True)
    batch = dict(tokenizer("which way?", return_tensors="pt"))
    adapted = with_adapter(model, version.path)
    assert verify_effect(adapted, batch) > 0.01
    with torch.no_grad():
        beside = adapted(**batch).logits
        inside = merged(adapted)(**batch).logits
    assert torch.allclose(beside, inside, atol=1e-4)


def test_an_adapter_without_effect_is_said(version: Version, base: Path) -> None:
    model, tokenizer = load_causal_lm(base, tiny.PLAN, for_training=True)
    adapted = with_adapter(model, version.path)
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            weight.data.zero_()
    with pytest.raises(AdapterError, match="no effect"):
        verify_effect(adapted, dict(tokenizer("x", return_tensors="pt")))
