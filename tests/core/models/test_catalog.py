"""Where models come from: names resolve, hashes are checked, folders are made once, pickles are refused."""

import hashlib
import json
import shutil
import threading
from dataclasses import replace

import pytest

from core.errors import ModelError, NotFoundError
from core.events import Log, Progress
from core.models import catalog, conversion, files, loading
from tests import tiny


@pytest.fixture
def gguf_free(monkeypatch):
    """Conversion of a stand-in: the 'GGUF' bytes decide only the hash, the weights are the tiny model's."""
    calls = []

    def dequantise(source, made, on_event):
        calls.append(source.read_bytes())
        tiny.causal_lm(made)

    monkeypatch.setattr(conversion, "_dequantise", dequantise)
    return calls


def test_catalogue_names_folders_files_and_hub_ids_resolve(tiny_lm, tiny_encoder, tmp_path):
    assert catalog.resolve("gemma-3-270m").licence == "Gemma Terms of Use"
    assert catalog.resolve(str(tiny_lm)).kind == "generator"
    assert catalog.resolve(str(tiny_encoder)).kind == "encoder"
    assert catalog.resolve("Qwen/Qwen2.5-0.5B-Instruct").source == "hub"
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF")
    assert catalog.resolve(str(file)).source == "gguf"
    with pytest.raises(NotFoundError, match="all-minilm-l6-v2"):
        catalog.resolve("all-minilm-l6")
    with pytest.raises(ModelError, match="no readable config"):
        catalog.resolve(str(tmp_path))


def test_every_bundled_model_has_a_pinned_hash_and_a_licence():
    for description in catalog.CATALOG.values():
        assert description.source == "bundled"
        assert len(description.sha256) == 64
        assert description.licence
        assert description.folder_name.startswith(description.name)


def test_a_local_folder_is_used_where_it_lies_and_pickles_are_refused(tiny_lm, tmp_path, home):
    folder = shutil.copytree(tiny_lm, tmp_path / "mine")
    description = catalog.resolve(str(folder))
    assert catalog.ready(description, home)
    assert catalog.ensure(description, home) == folder
    (folder / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(ModelError, match="can run code"):
        catalog.ensure(description, home)


def test_gguf_weights_are_converted_once_even_when_two_ask(gguf_free, tmp_path, home):
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF small")
    description = catalog.resolve(str(file))
    events = []
    assert not catalog.ready(description, home)
    threads = [threading.Thread(target=catalog.ensure, args=(description, home, events.append)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    folder = catalog.ensure(description, home)
    assert catalog.ready(description, home)
    assert gguf_free == [b"GGUF small"]
    said = [event.text for event in events if isinstance(event, Log)]
    assert len(said) == 2 and said[0].startswith("Unpacking small") and "is unpacked after" in said[1]
    assert loading.load_causal_lm(folder, tiny.PLAN)[1].chat_template
    assert json.loads((folder / "complete.json").read_text())["source_sha256"] == files.file_sha256(file)


def test_the_librarys_bar_over_a_gguf_gives_way_to_progress_events(capfd):
    from transformers import modeling_gguf_pytorch_utils as library

    theirs, events = library.tqdm, []
    with loading._tensors_counted(events.append):
        assert list(library.tqdm(["a", "b"], desc="Converting and de-quantizing GGUF tensors...")) == ["a", "b"]
    assert events == [Progress("unpacking", 1, 2), Progress("unpacking", 2, 2)]
    assert library.tqdm is theirs
    assert capfd.readouterr() == ("", "")


def test_a_half_made_copy_is_made_again(gguf_free, tmp_path, home):
    file = tmp_path / "small.gguf"
    file.write_bytes(b"GGUF small")
    description = catalog.resolve(str(file))
    folder = catalog.ensure(description, home)
    (folder / "model.safetensors").write_bytes(b"cut")
    assert not catalog.ready(description, home)
    catalog.ensure(description, home)
    assert len(gguf_free) == 2
    assert not list(folder.parent.glob(".*.tmp*"))


def test_bundled_parts_with_a_wrong_hash_are_refused(gguf_free, tmp_path, home, monkeypatch):
    for number, part in enumerate([b"GG", b"UF"]):
        data = tmp_path / f"pkg_part{number + 1}" / "data"
        data.mkdir(parents=True)
        (data.parent / "__init__.py").touch()
        (data / f"x.gguf.part{number:02d}").write_bytes(part)
    (tmp_path / "pkg").mkdir()
    (tmp_path / "pkg" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    right = hashlib.sha256(b"GGUF").hexdigest()
    description = catalog.ModelDescription(
        "pkg", "generator", 1, 1, (), "x", "bundled", package="pkg", module="pkg", weights="x.gguf", sha256=right
    )
    assert catalog.ensure(description, home).name == f"pkg-{right[:8]}"
    assert gguf_free == [b"GGUF"]
    with pytest.raises(ModelError, match="is expected: reinstall pkg"):
        catalog.ensure(replace(description, sha256="0" * 64), home)
    with pytest.raises(ModelError, match="pip install none-such"):
        catalog.ensure(replace(description, module="none_such", package="none-such", sha256="1" * 64), home)


def test_a_pinned_file_is_hashed_once_and_again_when_it_changes(tmp_path):
    file, notes = tmp_path / "w.safetensors", tmp_path / "verified"
    file.write_bytes(b"weights")
    right = hashlib.sha256(b"weights").hexdigest()
    files.verified_once(file, right, notes)
    assert list(notes.iterdir())
    file.write_bytes(b"tampered")
    with pytest.raises(ModelError, match="is expected"):
        files.verified_once(file, right, notes)


def test_a_fingerprint_follows_the_weights_and_not_the_file_layout(tiny_lm, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(tiny_lm, tmp_path / "copy")
    tensors = load_file(copy / "model.safetensors")
    (copy / "model.safetensors").unlink()
    names = sorted(tensors)
    save_file({name: tensors[name] for name in names[:5]}, copy / "model-2.safetensors")
    save_file({name: tensors[name] for name in names[5:]}, copy / "model-1.safetensors", {"format": "pt"})
    assert catalog.fingerprint(copy) == catalog.fingerprint(tiny_lm) == catalog.fingerprint(copy)
    tensors[names[0]][0] += 1 if tensors[names[0]].dtype == torch.float32 else 0
    save_file({name: tensors[name] for name in names[:5]}, copy / "model-2.safetensors")
    assert catalog.fingerprint(copy) != catalog.fingerprint(tiny_lm)


@pytest.mark.bundled
def test_the_bundled_encoder_and_vectors_are_whole(home):
    for name in ("all-minilm-l6-v2", "use-multilingual-v3"):
        description = catalog.resolve(name)
        assert catalog.ready(description, home)
        assert catalog.ensure(description, home).is_dir()
