"""Commands that tell what the suite has and runs with: models, doctor, settings."""

import platform
import shutil
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer

from apps import APPS, terminal
from apps.serving import core_settings
from core.setting_sources import gather
from core.settings import CoreSettings, home, public

app = typer.Typer(add_completion=False)
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program to read.")]
PACKAGES = ("torch", "transformers", "peft", "streamlit", "fastapi", "faiss-cpu", "scikit-learn", "sqlalchemy")


@app.command()
def models(
    ctx: typer.Context,
    get: Annotated[str | None, typer.Option(help="Make this model ready now: verify, convert or download it.")] = None,
    as_json: Json = False,
) -> None:
    """List the models: name, kind, size, licence, source, ready or not."""
    from core.models.catalog import CATALOG, ensure, ready, resolve

    settings = terminal.settings_of(ctx, core_settings)
    if get is not None:
        with terminal.progress() as on_event:
            path = ensure(resolve(get), home(settings), on_event, settings.models.verify_weights)
        terminal.say(f"{get} is ready in {path}")
        return
    used = (settings.models.generator, settings.models.encoder, settings.models.multilingual_encoder)
    names = list(dict.fromkeys((*CATALOG, *used)))
    rows = [_model_row(resolve(name), settings, ready(resolve(name), settings.home), name in used) for name in names]
    if as_json:
        terminal.say_json(rows)
        return
    columns = ("name", "kind", "size_mb", "languages", "licence", "source", "used", "ready")
    terminal.table(columns, [[_shown(row[column]) for column in columns] for row in rows])
    for terms in dict.fromkeys(f"{row['licence']}: {row['terms']}" for row in rows if row["terms"]):
        terminal.say(terms, style="dim")


def _model_row(model: Any, settings: CoreSettings, is_ready: bool, used: bool) -> dict[str, Any]:
    names = ("name", "kind", "size_mb", "licence", "source")
    more = {"languages": list(model.languages), "ready": is_ready, "used": used, "terms": model.terms_url}
    return {name: getattr(model, name) for name in names} | more


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


@app.command()
def settings(ctx: typer.Context, as_json: Json = False) -> None:
    """Show the settings in effect and where each value comes from. Keys and passwords are stars."""
    line = terminal.given(ctx)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    core_settings(line.config, line.overrides)
    for name in APPS:
        loaded = import_module(f"apps.{name}.settings").load_settings(line.config, line.overrides)
        values |= public(loaded)
        siblings = [other for other in APPS if other != name]
        _, found = gather(type(loaded), line.config, line.overrides, siblings)
        origins |= {".".join(key): origin for key, origin in found.items()}
    if as_json:
        terminal.say_json(values)
        return
    rows = [(key, value, origins.get(key, "default")) for key, value in flat(values).items()]
    terminal.table(("setting", "value", "from"), rows)


def flat(tree: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """``{"a": {"b": 1}}`` -> ``{"a.b": 1}``."""
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        leaves |= flat(value, f"{at}{key}.") if isinstance(value, Mapping) else {f"{at}{key}": value}
    return leaves


@app.command()
def doctor(ctx: typer.Context, as_json: Json = False) -> None:
    """Show what this machine will run with, and why: device, number format, threads, memory, versions, models."""
    from core.models.catalog import ready, resolve
    from core.models.device import plan
    from core.models.threads import usable_cores

    settings = terminal.settings_of(ctx, core_settings)
    chosen = plan(settings.models)
    folder = home(settings)
    used = (settings.models.generator, settings.models.encoder, settings.models.multilingual_encoder)
    facts = {
        "device": chosen.device,
        "dtype": chosen.dtype,
        "threads": f"{chosen.threads} of {usable_cores()}, {chosen.step_threads} for single tokens",
        "quantize": chosen.quantize,
        "free memory": f"{chosen.free_gb} GB",
        "why": chosen.reason,
        "generator": settings.models.remote_url or settings.models.generator,
        **{f"model {name}": "ready" if ready(resolve(name), folder) else "made at first use" for name in used},
        "home": str(folder),
        "free disk": f"{shutil.disk_usage(folder).free / 1e9:.1f} GB",
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: _version(name) for name in ("trifolium", *PACKAGES)},
    }
    if as_json:
        terminal.say_json(facts)
    else:
        terminal.table(("", ""), list(facts.items()))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
