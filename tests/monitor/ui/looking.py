"""What a page test reads off a page, and how it presses a button by its words."""

from typing import Any


def texts(page: Any) -> str:
    """Everything written on the page."""
    kinds = (page.markdown, page.caption, page.info, page.success, page.warning, page.error, page.expander)
    return "\n".join(str(getattr(one, "value", None) or getattr(one, "label", "")) for kind in kinds for one in kind)


def press(page: Any, label: str) -> Any:
    """Press the first button with this label."""
    return next(one for one in page.button if one.label == label).click().run()
