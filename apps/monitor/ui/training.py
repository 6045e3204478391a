"""The training page: uncertain items to review, corrections, drift, runs started and watched, adapters promoted."""

from typing import TYPE_CHECKING

from apps import run_view, training_page
from apps.monitor.ui import shared as page
from apps.monitor.ui.review import corrections, drift, review
from apps.monitor.ui.shared import head, one_sentence, say, service
from apps.page_parts import choose
from apps.training_page import TrainingPage

if TYPE_CHECKING:
    from apps.monitor.service import MonitorService

WHATS = ("english", "chinese")
SECTIONS = ("review", "corrections", "drift", "runs", "compare_runs", "adapters")


def draw() -> None:
    """Head, sections, the open one."""
    watch = service()
    head(watch, "training")
    chosen = choose("training_section", {name: say(f"section_{name}") for name in SECTIONS}, say("section"))
    if chosen in ("review", "corrections", "drift"):
        _learning(watch, chosen)
    else:
        _runs(chosen)


def _learning(watch: "MonitorService", chosen: str) -> None:
    if chosen == "review":
        review(watch)
    elif chosen == "corrections":
        corrections(watch)
    else:
        drift(watch)


def _runs(chosen: str) -> None:
    home = page.settings().home
    own = TrainingPage("monitor", home, say)
    if chosen == "runs":
        training_page.start(own, lambda: training_page.what_and_steps(own, WHATS))
        training_page.watch(own)
    elif chosen == "compare_runs":
        training_page.compare(own)
    else:
        training_page.adapters(own, [row for row in run_view.adapter_rows(home) if row.name.startswith("market-")])


if __name__ == "__main__":
    with one_sentence():
        draw()
