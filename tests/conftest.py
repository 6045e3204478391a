"""Every test has its own home folder and no network; hubs are told that they are offline."""

import os
import socket
from pathlib import Path

import pytest

# before anything imports transformers or datasets, which read these once
os.environ.update(
    HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TOKENIZERS_PARALLELISM="false", HF_HUB_DISABLE_TELEMETRY="1"
)

LOCAL = ("127.", "::1", "localhost", "0.0.0.0")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty ``TRIFOLIUM_HOME`` of this test; the machine's own variables and settings file stay unseen."""
    for name in [name for name in os.environ if name.startswith("TRIFOLIUM_")]:
        monkeypatch.delenv(name)
    place = tmp_path_factory.mktemp("trifolium")  # not in tmp_path, which a test may want empty
    folder = place / "home"
    folder.mkdir()
    monkeypatch.setenv("TRIFOLIUM_HOME", str(folder))
    empty = place / "trifolium.toml"
    empty.write_text("")
    monkeypatch.setenv("TRIFOLIUM_CONFIG", str(empty))
    return folder


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections to other machines fail at once with a sentence; this machine (test servers) stays reachable."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def checked(real):
        def guard(self: socket.socket, address):
            if self.family != socket.AF_UNIX and not str(address[0]).startswith(LOCAL):
                raise OSError(f"tests use no network, but something connects to {address[0]}")
            return real(self, address)

        return guard

    monkeypatch.setattr(socket.socket, "connect", checked(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", checked(connect_ex))
