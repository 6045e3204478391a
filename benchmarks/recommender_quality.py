"""How good the lists are: every public set beside the baselines, one JSON file per set.

    python benchmarks/recommender_quality.py --sets ml_100k amazon_industrial amazon_beauty --json benchmarks/results

The same as ``trifolium recommender evaluate --dataset NAME --json FILE`` for each. amazon_industrial trains the text
model twice (a minute each on an idle core); amazon_beauty needs 3 GB for the EASE baseline.

ndcg10, ndcg10_unfiltered   lists without and with what was seen; ndcg10_filtered is another name of the first
cold_hr10                   of targets nobody had met, how many are within the first ten
tuned_gain_filtered         share by which the tuned text model betters the frozen one, all else alike
diversity_ild_gain          how much more varied lists are at the dial chosen on validation, for diversity_ndcg_loss;
                            served_ is the dial of served lists, _at_D each other that was tried
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from apps.recommender.evaluation import MEASURES, evaluate  # noqa: E402
from apps.recommender.settings import load_settings  # noqa: E402
from core.events import Event, Log  # noqa: E402

SETS = ("ml_100k", "amazon_industrial", "amazon_beauty")


def told(event: Event) -> None:
    """What happens, on the terminal."""
    if isinstance(event, Log):
        print(event.text, file=sys.stderr, flush=True)


def main() -> None:
    """Measure the sets named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", choices=sorted(MEASURES), default=list(SETS))
    parser.add_argument("--limit", type=int, help="cases per set, for a quick look")
    parser.add_argument("--json", type=Path, help="folder for one file per set")
    given = parser.parse_args()
    for name in given.sets:
        report = evaluate(load_settings(), name, on_event=told, limit=given.limit)
        print(report.to_table(), flush=True)
        if given.json is not None:
            report.write_json(given.json / f"{name}.json")


if __name__ == "__main__":
    main()
