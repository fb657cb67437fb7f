"""What several test files of this room share: recordings, a speech server, a Kokoro model."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def noises():
    """Noise of several loudnesses at 16 kHz, of 2.5 s, 0.7 s and 1.31 s; and two of 0.4 s."""
    random = np.random.default_rng(0)
    lengths = (40_000, 11_200, 20_963, 6_400, 6_400)
    return [(random.normal(0.1, 0.02 * (i + 1), size=length)).astype(np.float32) for i, length in enumerate(lengths)]


@pytest.fixture
def server(monkeypatch):
    """A speech server without answers yet, which a client asks again at once."""
    from speech_server import Server

    from saladkit.speech.voices import openai

    monkeypatch.setattr(openai, "WAITS", (0.0, 0.0, 0.0))
    for name in ("OPENAI_API_KEY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def kokoro_folder(tmp_path_factory):
    """A folder with a small Kokoro model and its voices."""
    from kokoro_model import build_folder

    return build_folder(tmp_path_factory.mktemp("kokoro"))
