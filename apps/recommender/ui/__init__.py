"""The recommender's pages for people; each file is one page, run by the shell ``apps/home.py``."""

from pathlib import Path

from apps.recommender.ui.words import translate

PAGES = (
    ("for_you", "favorite"),
    ("catalogue", "storefront"),
    ("experiments", "science"),
    ("training", "model_training"),
)


def about(language: str = "en") -> tuple[str, str, str]:
    """Name, one sentence and icon of this leaf, for the start page."""
    return translate("app_name", language), translate("app_line", language), ":material/recommend:"


def pages(language: str = "en") -> list[tuple[str, Path, str]]:
    """Title, file and icon of each page, in the order of the navigation."""
    folder = Path(__file__).parent
    return [(translate(f"page_{name}", language), folder / f"{name}.py", f":material/{icon}:") for name, icon in PAGES]
