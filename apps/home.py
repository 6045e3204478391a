"""The pages' shell: one theme, one language switch and the navigation over the leaves in ``APPS``.

It knows of a leaf only its ``ui`` package: ``about(language)`` says what it is, ``pages(language)`` lists its pages.
Run by ``trifolium ui`` through Streamlit.
"""

from importlib import import_module
from pathlib import Path
from types import ModuleType

import streamlit as st

from apps import APPS

ICON = Path(__file__).parent / "leaf.svg"  # Streamlit would ask an outside server for a symbol of its own
LANGUAGE_KEY = "ui_language"  # every leaf's pages read the language of the interface here
LANGUAGES = {"en": "English", "zh": "中文"}
WORDS = {
    "start": ("Start", "首页"),
    "language": ("Language of the interface", "界面语言"),
    "line": (
        "Three text applications on one stem. Everything runs on this machine.",
        "同一主干上的三个文本应用，全部在本机运行。",
    ),
}


def main() -> None:
    """Draw the shell, then the page that was chosen."""
    st.set_page_config(page_title="Trifolium", page_icon=str(ICON), layout="wide")
    language = _choose_language()
    st.html(f"<style>{look(language)}</style>")
    leaves = {name: import_module(f"apps.{name}.ui") for name in APPS}
    shown = {name: _pages(name, leaf, language) for name, leaf in leaves.items()}

    def start() -> None:
        _start(language, leaves, shown)

    first = st.Page(start, title=_say("start", language), icon=":material/home:", url_path="start", default=True)
    sections = {leaf.about(language)[0]: shown[name] for name, leaf in leaves.items()}
    former = [page for name, leaf in leaves.items() for page in _former(name, leaf, language)]
    st.navigation({"": [first, *former], **sections}, expanded=True).run()  # three leaves are more than it shows itself


def look(language: str) -> str:
    """The stylesheet of every page; in Chinese also the words that Streamlit itself knows in English only."""
    parts = [f':root {{ --upload-most: "{st.get_option("server.maxUploadSize")} MB"; }}']
    for name in ("home.css", "home.zh.css")[: 1 + (language == "zh")]:
        parts.append((Path(__file__).parent / name).read_text(encoding="utf-8"))
    return "\n".join(parts)


def _say(key: str, language: str) -> str:
    return WORDS[key][language == "zh"]


def _choose_language() -> str:
    """The visitor's choice; at first the one in ``?lang=``, else the browser's."""
    if LANGUAGE_KEY not in st.session_state:
        wished = st.query_params.get("lang") or (st.context.locale or "en")
        st.session_state[LANGUAGE_KEY] = "zh" if wished.lower().startswith("zh") else "en"
    label = _say("language", st.session_state[LANGUAGE_KEY])
    with st.sidebar:
        st.segmented_control(
            label, list(LANGUAGES), key=LANGUAGE_KEY, format_func=LANGUAGES.__getitem__, required=True, width="stretch"
        )
    return str(st.session_state[LANGUAGE_KEY])


def _pages(name: str, leaf: ModuleType, language: str) -> list[st.Page]:
    return [
        st.Page(file, title=title, icon=icon, url_path=address(name, file))
        for title, file, icon in leaf.pages(language)
    ]


def address(name: str, file: str | Path) -> str:
    """A page's address: its leaf and its name, with hyphens.

    >>> address("recommender", "for_you.py")
    'recommender-for-you'
    """
    return f"{name}-{Path(file).stem}".replace("_", "-")


def _former(name: str, leaf: ModuleType, language: str) -> list[st.Page]:
    """Pages under the address they once had, with an underscore: bookmarks go on leading there."""
    return [
        st.Page(file, title=title, icon=icon, url_path=f"{name}-{Path(file).stem}", visibility="hidden")
        for title, file, icon in leaf.pages(language)
        if "_" in Path(file).stem
    ]


def _start(language: str, leaves: dict[str, ModuleType], shown: dict[str, list[st.Page]]) -> None:
    st.html(f'<div class="hero"><div><h1>Trifolium</h1><p>{_say("line", language)}</p></div></div>')
    for column, (name, leaf) in zip(st.columns(max(2, len(leaves))), leaves.items(), strict=False):
        title, line, icon = leaf.about(language)
        with column.container(border=True, key=f"leaf-{name}"):
            st.subheader(f"{icon} {title}")
            st.markdown(line)
            for page in shown[name]:
                st.page_link(page)


if __name__ == "__main__":
    main()
