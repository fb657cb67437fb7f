"""M4A, AAC, WebM and WMA: by TorchCodec or ffmpeg where one is installed, else an error that says what to install."""

import io
import json
import os
import shutil
import sys

import numpy as np
import pytest
import soundfile

from saladkit.errors import SaladError
from saladkit.speech.audio import other_formats
from saladkit.speech.audio.decoding import decode_audio, seconds_of_row

HEADS = {
    "mov": b"\0\0\0\x1cftypM4A \0\0\2\0",
    "matroska": b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
    "aac": bytes.fromhex("fff15040213ffcde02004c6176633539"),
    "amr": b"#!AMR-WB\n\x04\x10\x20\0\0\0\0",
}
SAMPLES = np.random.default_rng(0).normal(0, 0.1, (4000, 2)).astype(np.float32)
# What ffmpeg does with the arguments that it is given: a WAV whose length is not known when it begins.
FFMPEG = """#!{python}
import json, pathlib, sys
with open({log!r}, "w") as log:
    json.dump(sys.argv[1:], log)
if {error!r}:
    sys.exit({error!r})
content = bytearray(pathlib.Path({wav!r}).read_bytes())
at = content.index(b"data") + 4
content[at : at + 4] = content[4:8] = b"\\xff" * 4
sys.stdout.buffer.write(content)
"""


@pytest.fixture
def no_torchcodec(monkeypatch):
    monkeypatch.setitem(sys.modules, "torchcodec", None)


@pytest.fixture
def ffmpeg(no_torchcodec, monkeypatch, tmp_path):
    """Put a program of this name first on PATH; return a function that makes it fail, and what it was given."""
    program = tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    soundfile.write(tmp_path / "decoded.wav", SAMPLES, 48_000, subtype="FLOAT")

    def write(error=""):
        names = {"log": str(tmp_path / "log"), "wav": str(tmp_path / "decoded.wav"), "error": error}
        program.write_text(FFMPEG.format(python=sys.executable, **names))
        program.chmod(0o755)
        return lambda: json.loads((tmp_path / "log").read_text())

    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return write


@pytest.mark.parametrize("container, head", HEADS.items())
def test_without_a_decoder_the_error_says_what_to_install(container, head, no_torchcodec, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SaladError, match="row 7: the audio does not decode: .* needs TorchCodec or .* ffmpeg") as error:
        decode_audio(head + bytes(100), name="row 7")
    assert "Install ffmpeg" in error.value.fix and "FLAC or WAV" in error.value.fix


@pytest.mark.parametrize("container, head", HEADS.items())
def test_ffmpeg_decodes_it_where_it_is_installed(container, head, ffmpeg, tmp_path):
    asked = ffmpeg()
    path = tmp_path / "-i; rm $x.m4a"  # a name is never an option, an address or a command
    path.write_bytes(head + bytes(100))
    for source in (head + bytes(100), path):
        samples, rate = decode_audio(source, name="row 0")
        assert rate == 48_000 and np.allclose(samples, SAMPLES.mean(axis=1), atol=1e-7)
        given = asked()
        assert given[given.index("-f") + 1] == container and given[given.index("-i") + 1].startswith("file:/")
        assert given[given.index("-protocol_whitelist") + 1] == "file,pipe"
    assert given[given.index("-i") + 1] == f"file:{path}"
    stretch, _ = decode_audio(f"{path}#t=0.025,0.05&channel=1", name="row 0")
    assert np.allclose(stretch, SAMPLES[1200:2400, 1])
    assert seconds_of_row({"id": "a", "audio": {"bytes": None, "path": str(path)}}, "x") == 4000 / 48_000


def test_other_beginnings_of_the_same_formats(ffmpeg):
    asked = ffmpeg()
    for container, head in (
        ("mov", b"\0\0\0\x08wide\0\0\x10\0mdat"),
        ("aac", b"ID3\3\0\0\0\0\0\x05TIT2x" + HEADS["aac"]),
    ):
        decode_audio(head + bytes(100), name="row 0")
        given = asked()
        assert given[given.index("-f") + 1] == container


def test_what_ffmpeg_cannot_decode_is_refused_with_its_words(ffmpeg):
    ffmpeg("moov atom not found\nmore")
    with pytest.raises(SaladError, match=r"row 7: .* decode as M4A or MP4 \(ffmpeg: moov atom not found\)"):
        decode_audio(HEADS["mov"] + bytes(100), name="row 7")


def test_torchcodec_decodes_it_where_it_loads(monkeypatch, tmp_path):
    (tmp_path / "torchcodec").mkdir()
    soundfile.write(tmp_path / "decoded.wav", SAMPLES, 48_000, subtype="FLOAT")
    (tmp_path / "torchcodec" / "decoders.py").write_text(
        "import types, soundfile, torch\n"
        "class AudioDecoder:\n"
        "    def __init__(self, source): self.source = source\n"
        "    def get_all_samples(self):\n"
        "        if b'broken' in bytes(self.source): raise RuntimeError('Invalid data\\nmore')\n"
        f"        data, rate = soundfile.read({str(tmp_path / 'decoded.wav')!r}, dtype='float32')\n"
        "        return types.SimpleNamespace(data=torch.from_numpy(data.T), sample_rate=rate)\n"
    )
    (tmp_path / "torchcodec" / "__init__.py").write_text("")
    for name in ("torchcodec", "torchcodec.decoders"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    samples, rate = decode_audio(HEADS["matroska"] + bytes(100), name="row 0")
    assert rate == 48_000 and np.allclose(samples, SAMPLES.mean(axis=1), atol=1e-7)
    with pytest.raises(SaladError, match=r"does not decode as WebM or Matroska \(TorchCodec: Invalid data\)"):
        decode_audio(HEADS["matroska"] + b"broken", name="row 7")
    for name in ("torchcodec", "torchcodec.decoders"):
        monkeypatch.delitem(sys.modules, name, raising=False)


def test_what_libsndfile_reads_is_left_to_it(ffmpeg):
    asked = ffmpeg()
    for format_, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")):
        content = io.BytesIO()
        soundfile.write(content, SAMPLES[:, 0], 16_000, format=format_, subtype=subtype)
        assert other_formats.format_of(content.getvalue()[:16]) is None
        decode_audio(content.getvalue(), name="row 0")
    with pytest.raises(FileNotFoundError):
        asked()
    assert shutil.which("ffmpeg")
