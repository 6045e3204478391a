"""Commands over the adapter registry: list, check, add, promote, roll back, remove, export."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from apps import terminal
from apps.serving import core_settings
from core.settings import CoreSettings, home

if TYPE_CHECKING:
    from core.models.adapters import AdapterRegistry

app = typer.Typer(
    help="List, add, check, promote, roll back or remove LoRA adapters.", no_args_is_help=True, add_completion=False
)
Base = Annotated[str | None, typer.Option(help="The model it belongs to; told from its manifest if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]


def _registry(settings: CoreSettings) -> "AdapterRegistry":
    from core.models.adapters import AdapterRegistry

    return AdapterRegistry(home(settings))


@app.command("list")
def list_(ctx: typer.Context, name: Annotated[str | None, typer.Argument()] = None, as_json: Json = False) -> None:
    """List adapters and their versions; the live one is marked."""
    found = _registry(terminal.settings_of(ctx, core_settings)).versions(name)
    if as_json:
        terminal.say_json([asdict(one) | {"path": str(one.path)} for one in found])
        return
    columns = ("name", "version", "live", "base", "task", "made", "figures")
    terminal.table(columns, [_row(one) for one in found], empty="no adapters yet")


def _row(one: Any) -> list[object]:
    figures = ", ".join(f"{name} {value:.3f}" for name, value in list(one.manifest.metrics.items())[:4])
    about = one.manifest
    return [one.name, one.version, "live" if one.live else "", about.base, about.task, about.created[:16], figures]


@app.command()
def check(
    ctx: typer.Context,
    adapter: Annotated[str, typer.Argument(help="A folder, or the name of an adapter.")],
    version: Annotated[str | None, typer.Argument(help="A version of it; the live one if left out.")] = None,
    base: Base = None,
) -> None:
    """Check files, config, shapes, values and base; what is wrong is said in one sentence."""
    from core.errors import NotFoundError
    from core.models.adapters import check as examine

    settings = terminal.settings_of(ctx, core_settings)
    folder: Path | None = Path(adapter)
    if folder is None or not folder.is_dir():
        registry = _registry(settings)
        folder = registry.path(adapter, version) if version else registry.live(adapter)
    if folder is None:
        raise NotFoundError(f"There is no adapter '{adapter}' and no folder of that name.")
    manifest = examine(folder, _base(settings, base, folder))
    terminal.say(f"{manifest.name} is sound and fits {manifest.base} (content {manifest.content_hash[:12]}…)")


@app.command()
def add(
    ctx: typer.Context,
    name: str,
    path: Annotated[Path, typer.Argument(help="A trained adapter's folder, or an archive made by export.")],
    base: Base = None,
) -> None:
    """Check an adapter and keep a copy of it; promote makes it live."""
    from core.errors import DataError
    from core.models.adapter_archive import import_archive

    settings = terminal.settings_of(ctx, core_settings)
    registry = _registry(settings)
    if not path.exists():
        raise DataError(f"There is no folder or archive '{path}'.")
    if path.is_dir():
        made = registry.add(name, path, _base(settings, base, path))
    else:
        made = import_archive(registry, name, path, _base(settings, base, None))
    terminal.say(f"{made.name} {made.version}")


@app.command()
def promote(ctx: typer.Context, name: str, version: str, base: Base = None) -> None:
    """Check a version once more and make it the live one."""
    settings = terminal.settings_of(ctx, core_settings)
    registry = _registry(settings)
    made = registry.promote(name, version, _base(settings, base, registry.path(name, version)))
    terminal.say(f"{made.name} {made.version} is live")


@app.command("rollback", hidden=True)  # as it was spelt at first
@app.command("roll-back")
def roll_back(ctx: typer.Context, name: str) -> None:
    """Go back to the version that was live before."""
    version = _registry(terminal.settings_of(ctx, core_settings)).rollback(name)
    terminal.say(f"{name} {version} is live")


@app.command()
def remove(ctx: typer.Context, name: str, version: str) -> None:
    """Delete a version that is neither live nor bundled."""
    _registry(terminal.settings_of(ctx, core_settings)).remove(name, version)
    terminal.say(f"{name} {version} is removed")


@app.command()
def export(ctx: typer.Context, name: str, version: str, target: Path) -> None:
    """Pack a version into one archive for another machine."""
    from core.models.adapter_archive import export_archive

    folder = _registry(terminal.settings_of(ctx, core_settings)).path(name, version)
    terminal.say(str(export_archive(folder, target)))


def _base(settings: CoreSettings, named: str | None, adapter: Path | None) -> Path:
    """The model folder an adapter belongs to: the one named, else the generator or encoder with its fingerprint."""
    from core.models.adapter_check import MANIFEST
    from core.models.adapter_manifest import Manifest
    from core.models.catalog import ensure, fingerprint, resolve

    models = settings.models
    wanted = Manifest.read(adapter).base_fingerprint if adapter and (adapter / MANIFEST).is_file() else None
    with terminal.progress() as on_event:
        for name in [named] if named else [models.generator, models.encoder]:
            folder = ensure(resolve(name), home(settings), on_event, models.verify_weights)
            if wanted in (None, fingerprint(folder)):
                return folder
    return folder
