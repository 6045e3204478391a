"""The monitor's command line as a fixture: a suite that has the monitor, whatever APPS says."""

from collections.abc import Callable

import pytest


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs ``trifolium monitor …`` in this process and returns its exit code."""
    import apps
    import apps.__main__ as root

    both = tuple(dict.fromkeys((*apps.APPS, "monitor")))
    monkeypatch.setattr(apps, "APPS", both)
    monkeypatch.setattr(root, "APPS", both)
    return lambda *words: root.run(["monitor", *words])
