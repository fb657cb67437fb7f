import json
import subprocess
import sys

import pytest
import torch

from saladkit.stages import doctor as stage
from saladkit.stages.doctor import doctor


def by_name(summary):
    return {check["name"]: check for check in summary["checks"]}


def lay_distribution(folder, name, version):
    """The metadata that pip writes for an installed package."""
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")


def test_this_installation_is_healthy(capsys):
    summary = doctor()
    assert summary["healthy"], summary
    assert json.loads(json.dumps(summary)) == summary
    checks = by_name(summary)
    assert len(checks) == len(summary["checks"])
    for name in (
        "python",
        "torch",
        "audio",
        "transformers",
        "datasets",
        "faiss",
        "gpus",
        "espeak",
        "piper",
        "kokoro",
        "openai",
        "lhotse",
        "disk",
    ):
        assert checks[name]["status"] in ("ok", "note")
    assert checks["faiss"]["detail"].split()[0] in ("faiss-gpu", "faiss-cpu")
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == len(checks)
    assert all(line.startswith(("ok ", "note ")) for line in err.splitlines())


def test_two_faiss_packages_are_a_problem_with_a_fix(tmp_path, monkeypatch, capsys):
    installed = by_name(doctor())["faiss"]["detail"].split()[0]
    other = {"faiss-gpu": "faiss-cpu", "faiss-cpu": "faiss-gpu"}[installed]
    lay_distribution(tmp_path, other, "1.0")
    monkeypatch.syspath_prepend(str(tmp_path))
    capsys.readouterr()
    summary = doctor()
    assert not summary["healthy"]
    assert by_name(summary)["faiss"] == {
        "name": "faiss",
        "status": "problem",
        "detail": "faiss-gpu and faiss-cpu own the same module",
        "fix": "pip uninstall faiss-cpu faiss-gpu, then pip install saladkit",
    }
    assert [check["name"] for check in summary["checks"] if check["status"] == "problem"] == ["faiss"]
    lines = capsys.readouterr().err.splitlines()
    line = "PROBLEM faiss: faiss-gpu and faiss-cpu own the same module  fix: pip uninstall faiss-cpu faiss-gpu, then "
    assert [found for found in lines if found.startswith("PROBLEM")] == [f"{line}pip install saladkit"]


def test_a_missing_torchaudio_is_a_note_because_transformers_takes_its_place(monkeypatch):
    monkeypatch.setattr(stage, "torchaudio_failure", lambda: None)
    assert by_name(doctor())["audio"]["detail"].startswith("mel filters by torchaudio ")
    monkeypatch.setattr(stage, "torchaudio_failure", lambda: "it is not installed")
    check = by_name(doctor())["audio"]
    assert check["status"] == "note" and check["fix"] is None
    assert check["detail"] == "mel filters by transformers: torchaudio cannot be used (it is not installed)"


def test_what_does_not_load_is_a_problem_and_a_missing_extra_a_note(tmp_path):
    (tmp_path / "peft.py").write_text("raise OSError('libpeft.so: cannot open shared object file')\n")
    (tmp_path / "piper.py").write_text("raise ModuleNotFoundError(\"No module named 'piper'\", name='piper')\n")
    shell = "import json; from saladkit.stages.doctor import doctor; print(json.dumps(doctor()))"
    ran = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {shell}"],
        capture_output=True,
        text=True,
        check=True,
    )
    summary = json.loads(ran.stdout)
    assert not summary["healthy"]
    assert [check["name"] for check in summary["checks"] if check["status"] == "problem"] == ["peft"]
    checks = by_name(summary)
    assert "OSError: libpeft.so" in checks["peft"]["detail"]
    assert checks["peft"]["fix"] == "pip install --force-reinstall --no-deps peft"
    assert checks["piper"]["status"] == "note"
    assert checks["piper"]["fix"] == "pip install 'saladkit[piper]'"


@pytest.mark.parametrize(
    "name, version, said, fix",
    [
        ("peft", "0.1", "saladkit needs peft>=0.21, not 0.1", "'peft>=0.21'"),
        ("tokenizers", "0.1", "transformers needs tokenizers", "'tokenizers"),
        ("huggingface-hub", "0.1", "needs huggingface-hub", "'huggingface-hub"),
    ],
    ids=["ours", "of transformers", "of several"],
)
def test_packages_that_do_not_fit_each_other_are_a_problem_with_a_fix(name, version, said, fix, tmp_path, monkeypatch):
    lay_distribution(tmp_path, name, version)
    monkeypatch.syspath_prepend(str(tmp_path))
    found = by_name(doctor())["versions"]
    assert found["status"] == "problem" and said in found["detail"].replace("huggingface_hub", "huggingface-hub")
    assert found["fix"].startswith("pip install ") and fix in found["fix"].replace("huggingface_hub", "huggingface-hub")


def test_two_onnxruntimes_are_a_problem_with_a_fix(tmp_path, monkeypatch):
    for name in ("onnxruntime", "onnxruntime-gpu"):
        lay_distribution(tmp_path, name, "1.0")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = by_name(doctor())["onnxruntime"]
    assert found["status"] == "problem" and found["detail"] == "onnxruntime and onnxruntime-gpu own the same module"
    assert found["fix"] == "pip uninstall --yes onnxruntime onnxruntime-gpu && pip install onnxruntime-gpu"


@pytest.mark.skipif(torch.cuda.is_available(), reason="torch sees the GPU of this machine")
def test_a_gpu_that_torch_does_not_see_is_a_problem_with_a_fix(tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\n")
    (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    checks = by_name(doctor())
    assert checks["gpus"]["status"] == "problem" and "--index-url" in checks["gpus"]["fix"]
    assert checks["microphone"]["status"] == "note" and checks["microphone"]["fix"] == "apt-get install alsa-utils"


def test_little_disk_has_a_line_to_paste(monkeypatch):
    monkeypatch.setattr(stage, "LITTLE_DISK", 1e30)
    assert by_name(doctor())["disk"]["fix"].startswith("du -sh")
