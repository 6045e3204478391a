"""The monitor's pages for people; each file in PAGES is one page, run by the shell ``apps/home.py``."""

from pathlib import Path

from apps.monitor.ui.words import translate

PAGES = (
    ("overview", "dashboard"),
    ("feed", "rss_feed"),
    ("alerts", "notifications_active"),
    ("rules", "rule"),
    ("sources", "sensors"),
    ("training", "model_training"),
)


def about(language: str = "en") -> tuple[str, str, str]:
    """Name, one sentence and icon of this leaf, for the start page."""
    return translate("app_name", language), translate("app_line", language), ":material/monitoring:"


def pages(language: str = "en") -> list[tuple[str, Path, str]]:
    """Title, file and icon of each page, in the order of the navigation."""
    folder = Path(__file__).parent
    return [(translate(f"page_{name}", language), folder / f"{name}.py", f":material/{icon}:") for name, icon in PAGES]
