"""The documents tell the truth: the tree, the commands, the settings, the data table, the set-up."""

import hashlib
import os
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SAMPLES = ROOT / "data" / "samples"


def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text(path), re.S)


def tree_in_readme() -> dict[str, str]:
    """Path -> caption, as README draws it: two blanks a level, folders end in a slash."""
    drawn = re.search(r"## The tree\n+```\n(.*?)```", text(ROOT / "README.md"), re.S)
    assert drawn
    found: dict[str, str] = {}
    folders: list[str] = []
    for line in drawn.group(1).splitlines():
        name, _, caption = line.strip().partition("  ")
        level = (len(line) - len(line.lstrip())) // 2
        folders = folders[:level]
        found["".join(folders) + name] = caption.strip()
        folders = [*folders, name] if name.endswith("/") else folders
    return found


def files_of_ours() -> set[str]:
    kept = [path for top in ("core", "apps", "benchmarks") for path in (ROOT / top).rglob("*.py")]
    return {
        path.relative_to(ROOT).as_posix()
        for path in kept
        if path.name != "__init__.py" and "migrations" not in path.parts
    }


def test_the_tree_in_the_readme_names_every_file_once_with_a_caption() -> None:
    drawn = tree_in_readme()
    assert sorted(files_of_ours() - set(drawn)) == [], "draw these in README.md, section 'The tree'"
    assert [path for path in drawn if not (ROOT / path).exists()] == []
    assert [path for path, caption in drawn.items() if not caption] == []


def commands() -> list[tuple[str, str]]:
    lines = [
        (path.name, line.partition("  #")[0].strip())
        for path in GUIDES
        for block in blocks(path, "sh")
        for line in block.replace("\\\n", " ").splitlines()
    ]
    tables = [(path.name, found) for path in GUIDES for found in re.findall(r"`(trifolium [^`]+)`", text(path))]
    return sorted({(name, line) for name, line in lines + tables if line.startswith("trifolium ")})


@pytest.mark.parametrize(("where", "line"), commands())
def test_every_documented_command_exists_with_its_options(where: str, line: str) -> None:
    import typer

    from apps.__main__ import options_first, root

    words = options_first(shlex.split(line)[1:])
    group = typer.main.get_command(root)
    context = group.make_context("trifolium", list(words), resilient_parsing=True)
    known = {name for one in group.params for name in one.opts}
    while hasattr(context.command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        assert rest, f"{where}: no command is named"
        name, command, rest = context.command.resolve_command(context, rest)
        assert command is not None, f"{where}: there is no such command"
        context = command.make_context(name, list(rest), parent=context, resilient_parsing=True)
    known |= {name for one in context.command.params for name in (*one.opts, *one.secondary_opts)}
    used = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert used <= known, where


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_every_documented_setting_loads(path: Path, tmp_path: Path) -> None:
    from apps.chatbot.settings import load_settings

    for number, block in enumerate(blocks(path, "toml")):
        tomllib.loads(block)
        file = tmp_path / f"{number}.toml"
        file.write_text(block, encoding="utf-8")
        load_settings(file)


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_links_and_pictures_lead_to_files(path: Path) -> None:
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text(path)) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("sample", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_the_data_table_has_the_size_and_hash_of_every_file_of_the_sample(sample: Path) -> None:
    table = text(ROOT / "data" / "README.md")
    files = [path for path in sorted(sample.rglob("*")) if path.is_file()]
    stale = []
    for file in files:
        data, name = file.read_bytes(), file.relative_to(sample).as_posix()
        size, digest = len(data), hashlib.sha256(data).hexdigest()[:16]
        if not re.search(rf"\| `{re.escape(name)}` \| [^|]+ \| {size} \| `{digest}` \|", table):
            stale.append(f"{name}: {size} bytes, {digest}")
    assert stale == []


def test_help_reads_as_it_is_kept() -> None:
    """Write it again with ``UPDATE_GOLDEN=1 pytest tests/test_documents.py``."""
    plain = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "apps", "--help"]
    ended = subprocess.run(command, cwd=ROOT, env=plain, capture_output=True, check=True, timeout=300, encoding="utf-8")
    said = "\n".join(line.rstrip() for line in ended.stdout.splitlines()) + "\n"
    kept = ROOT / "tests" / "golden" / "help.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(said, encoding="utf-8")
    assert said == text(kept)


def test_every_dependency_is_pinned_and_no_pin_is_a_path() -> None:
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    lines = [line for line in text(ROOT / "requirements" / "constraints.txt").splitlines() if not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line)] == []
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines}
    names = {re.split(r"[\[<>=!~ ]", one)[0].lower().replace("_", "-") for one in wanted}
    assert sorted(names - pinned) == []


def test_an_old_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text('#!/bin/sh\ncase "$2" in *exit*) exit 1;; *) echo 3.9.1;; esac\n')
    old.chmod(0o755)
    command = ["make", "-f", str(ROOT / "Makefile"), f"PYTHON={old}", ".venv/bin/python"]
    alone = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "MFLAGS"}}
    ended = subprocess.run(command, cwd=tmp_path, env=alone, capture_output=True, text=True, timeout=60)
    assert ended.returncode != 0
    assert ended.stdout.strip() == (
        f"Trifolium needs Python 3.11 or newer, and '{old}' is 3.9.1: name another with make PYTHON=python3.12."
    )
