"""What every leaf in ``APPS`` has in common: rooms, signatures, sample, doors. A new leaf passes these unchanged."""

import ast
import importlib
import importlib.metadata
import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

from apps import APPS
from core.settings import CoreSettings

ROOT = Path(__file__).parent.parent
ROOMS = (
    "__init__.py", "settings.py", "records.py", "dataset.py", "store.py", "service.py", "training.py",
    "evaluation.py", "commands.py", "routes.py",
)  # fmt: skip
HEAVY = ("torch", "transformers", "peft", "streamlit", "sklearn", "pandas", "faiss")
# a name that is also a module elsewhere is harmful only where a script's folder comes first on sys.path
SAME_NAME_ALLOWED: dict[str, str] = {}

leaves = pytest.mark.parametrize("name", APPS)


def leaf(name: str) -> Path:
    return ROOT / "apps" / name


def sources() -> list[Path]:
    return sorted(
        path for top in ("core", "apps") for path in (ROOT / top).rglob("*.py") if "migrations" not in path.parts
    )


@leaves
def test_every_leaf_has_the_same_rooms(name: str) -> None:
    missing = [room for room in ROOMS if not (leaf(name) / room).is_file()]
    assert not missing
    pages = [page.stem for page in (leaf(name) / "ui").glob("*.py") if page.stem != "__init__"]
    assert pages, "a leaf has at least one page"
    assert (ROOT / "data" / "samples" / name).is_dir()


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_says_what_it_is(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text or ast.get_docstring(ast.parse(text)), "begin with a docstring: what it does, what it does not know"


def test_no_name_of_ours_hides_a_standard_or_installed_module() -> None:
    others = set(sys.stdlib_module_names) | set(importlib.metadata.packages_distributions())
    others -= {"core", "apps", "tests", "data", "docs", "benchmarks"}
    ours = {path.stem for path in sources() if not path.stem.startswith("__")}
    assert not sorted((ours & others) - set(SAME_NAME_ALLOWED))


@leaves
def test_settings_are_the_cores_and_one_section_named_after_the_leaf(name: str) -> None:
    settings = importlib.import_module(f"apps.{name}.settings").load_settings()
    assert isinstance(settings, CoreSettings)
    own = set(type(settings).model_fields) - set(CoreSettings.model_fields)
    assert own == {name}
    assert undescribed(type(settings).model_fields[name].annotation) == []


def undescribed(section: type, prefix: str = "") -> list[str]:
    """Settings of a section, and of sections inside it, that do not say what they are for."""
    found: list[str] = []
    for key, field in section.model_fields.items():
        if isinstance(field.annotation, type) and hasattr(field.annotation, "model_fields"):
            found += undescribed(field.annotation, f"{prefix}{key}.")
        elif not field.description:
            found.append(prefix + key)
    return found


@leaves
@pytest.mark.parametrize(
    ("room", "function", "needs"),
    [
        ("service", "build", ("settings",)),
        ("training", "finetune", ("settings", "on_event")),
        ("evaluation", "evaluate", ("settings", "on_event")),
    ],
)
def test_the_use_cases_have_the_same_signatures(name: str, room: str, function: str, needs: tuple[str, ...]) -> None:
    found = inspect.signature(getattr(importlib.import_module(f"apps.{name}.{room}"), function))
    parameters = found.parameters
    assert next(iter(parameters)) == "settings"
    assert set(needs) <= set(parameters)
    assert "on_event" not in parameters or parameters["on_event"].default is not inspect.Parameter.empty
    assert found.return_annotation is not inspect.Signature.empty


@leaves
def test_the_sample_loads_and_its_splits_are_disjoint(name: str) -> None:
    sample = importlib.import_module(f"apps.{name}.dataset").read_sample(ROOT / "data" / "samples" / name)
    parts = sample.splits()
    assert len(parts) > 1
    for part, texts in parts.items():
        assert texts, f"{part} is empty"
        for other in parts:
            assert part == other or not set(texts) & set(parts[other]), f"{part} and {other} share rows"


@leaves
def test_a_leaf_can_be_named_before_anything_heavy_is_imported(name: str) -> None:
    code = (
        f"import json, sys, apps.__main__, apps.{name}.settings, apps.{name}.records; print(json.dumps([*sys.modules]))"
    )
    loaded = set(json.loads(run([sys.executable, "-c", code]).stdout))
    assert not sorted(loaded & set(HEAVY))


def test_help_imports_nothing_heavy_and_names_every_leaf() -> None:
    code = (
        "import json, sys\n"
        "from apps.__main__ import main\n"
        "sys.argv = ['trifolium', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('|' + json.dumps([*sys.modules]))"
    )
    said, _, modules = run([sys.executable, "-c", code]).stdout.rpartition("|")
    assert not sorted(set(json.loads(modules)) & set(HEAVY))
    assert all(name in said for name in APPS)


@leaves
def test_a_wrong_setting_is_one_sentence_at_the_terminal(name: str) -> None:
    ended = run([sys.executable, "-m", "apps", "--set", f"{name}.no_such_key=1", name, "evaluate"], check=False)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert f"{name}.no_such_key" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


def run(command: list[str], check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=check, timeout=300, encoding="utf-8")
