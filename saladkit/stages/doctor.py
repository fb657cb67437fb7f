"""`doctor`: check the installation, and say what to type where something is missing."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata

import psutil
from packaging.requirements import Requirement

from saladkit.errors import SaladError
from saladkit.progress import say
from saladkit.speech.audio.microphone import recorder
from saladkit.speech.audio.torchaudio import torchaudio_failure

OLDEST_PYTHON = (3, 11)
PACKAGES = ("torch", "transformers", "accelerate", "peft", "datasets", "click", "pyarrow", "safetensors", "soundfile")
FITTING = ("torchaudio", "sentence-transformers", "faster-whisper", "kokoro-onnx", "lm_eval")  # which pin others
ONNXRUNTIMES = ("onnxruntime", "onnxruntime-gpu")
EXTRAS = {
    "piper": ("piper", "onnx", "onnxruntime"),
    "kokoro": ("kokoro_onnx", "onnx"),
    "openai": ("openai", "httpx2"),
    "sphinx": ("pocketsphinx",),
    "faster-whisper": ("faster_whisper",),
    "lhotse": ("lhotse",),
    "report": ("matplotlib",),
}
GIGABYTE = 1e9
LITTLE_DISK = 20 * GIGABYTE  # a checkpoint of a 3B model in float32 with its optimizer state takes more
LITTLE_MEMORY = 4 * GIGABYTE


def doctor() -> dict:
    """Check the installation, and print one line per check on stderr.

    Returns:
        `healthy`, whether no check is a problem; and `checks`, each with `name`, `status` ("ok", "note" or "problem"),
        `detail` and `fix`, what to type (None if there is nothing to do).
    """
    checks = []
    for check in _checks():
        say(_line(check))
        checks.append(check)
    return {"healthy": all(check["status"] != "problem" for check in checks), "checks": checks}


def _checks() -> Iterator[dict]:
    yield _python()
    yield _audio()  # before transformers, which a broken torchaudio would break
    for package in PACKAGES:
        yield _package(package)
    yield _versions()
    yield _faiss()
    yield _one_of("onnxruntime", ONNXRUNTIMES)
    yield _gpus()
    yield _espeak()
    for extra, modules in EXTRAS.items():
        yield _extra(extra, modules)
    yield _microphone()
    yield _disk()
    yield _memory()


def _line(check: dict) -> str:
    status = "PROBLEM" if check["status"] == "problem" else check["status"]
    line = f"{status:<7} {check['name']}: {check['detail']}"
    return f"{line}  fix: {check['fix']}" if check["fix"] else line


def _check(name: str, status: str, detail: str, fix: str | None = None) -> dict:
    return {"name": name, "status": status, "detail": detail, "fix": fix}


def _import_error(module: str) -> str | None:
    """Return the first line of the error that importing `module` raises; None if it is imported."""
    try:
        importlib.import_module(module)
    except Exception as error:  # a missing library or packages that do not fit raise errors of any class
        return f"{type(error).__name__}: {error}".splitlines()[0]
    return None


def _python() -> dict:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return _check("python", "problem", f"{found} is too old", f"install saladkit with Python {wanted} or newer")
    return _check("python", "ok", found)


def _audio() -> dict:
    """Say which library makes mel filters; both work, so neither is a problem."""
    failure = torchaudio_failure()
    if failure is None:
        return _check("audio", "ok", f"mel filters by torchaudio {metadata.version('torchaudio')}")
    return _check("audio", "note", f"mel filters by transformers: torchaudio cannot be used ({failure})")


def _package(name: str) -> dict:
    failure = _import_error(name)
    if failure:
        return _check(name, "problem", f"does not load: {failure}", f"pip install --force-reinstall --no-deps {name}")
    return _check(name, "ok", metadata.version(name))


def _faiss() -> dict:
    """Check that exactly one distribution of faiss is installed.

    faiss-cpu and faiss-gpu (or faiss-gpu-cu12 and similar) install the same files, and overwrite each other.
    """
    found = {}
    for distribution in metadata.distributions():
        name = (distribution.metadata["Name"] or "").lower().replace("_", "-")
        if name == "faiss-cpu" or name.startswith("faiss-gpu"):
            found[name] = distribution.version
    if len(found) > 1:
        names = sorted(found, reverse=True)
        detail = f"{' and '.join(names)} own the same module"
        return _check("faiss", "problem", detail, f"pip uninstall {' '.join(sorted(found))}, then pip install saladkit")
    if not found:
        return _check("faiss", "problem", "is not installed", "pip install saladkit")
    detail = " ".join(*found.items())
    failure = _import_error("faiss")
    if failure:
        fix = f"pip install --force-reinstall --no-deps {next(iter(found))}"
        return _check("faiss", "problem", f"{detail} does not load: {failure}", fix)
    return _check("faiss", "ok", detail)


def _one_of(module: str, distributions: tuple[str, ...]) -> dict:
    """Check that at most one of the distributions is installed that bring the same module."""
    found = [name for name in distributions if _installed(name)]
    if len(found) > 1:
        fix = f"pip uninstall --yes {' '.join(found)} && pip install {found[-1]}"
        return _check(module, "problem", f"{' and '.join(found)} own the same module", fix)
    return _check(module, "ok" if found else "note", " ".join(found) or "optional, not installed")


def _installed(name: str) -> str | None:
    """Return the version of a distribution; None if it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _versions() -> dict:
    """Check that what is installed fits what saladkit, and each package that it needs, requires of it."""
    clashes: dict[str, str] = {}
    for name in ("saladkit", *PACKAGES, *(package for package in FITTING if _installed(package))):
        for requirement in _requirements(name):
            found = _installed(requirement.name)
            if found is not None and not requirement.specifier.contains(found, prereleases=True):
                clashes[f"{requirement.name}{requirement.specifier}"] = f"{name} needs {requirement}, not {found}"
    if clashes:
        wanted = " ".join(f"'{requirement}'" for requirement in clashes)
        return _check("versions", "problem", "; ".join(clashes.values()), f"pip install {wanted}")
    return _check("versions", "ok", "the packages fit each other")


def _requirements(name: str) -> Iterator[Requirement]:
    """Yield what a distribution always requires on this machine, without its extras."""
    try:
        stated = metadata.requires(name) or []
    except metadata.PackageNotFoundError:  # run from a checkout
        return
    for requirement in map(Requirement, stated):
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement


def _microphone() -> dict:
    program = recorder()
    if program is None:
        return _check(
            "microphone", "note", "no program records: needed by `ask --microphone`", "apt-get install alsa-utils"
        )
    return _check("microphone", "ok", f"{program} records")


def _gpus() -> dict:
    if _import_error("torch") or _import_error("faiss"):
        return _check("gpus", "note", "cannot be counted, since torch or faiss does not load")
    import faiss
    import torch

    torch_sees = torch.cuda.device_count()
    faiss_sees = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    detail = f"torch sees {torch_sees}, faiss sees {faiss_sees}"
    if torch_sees and not faiss_sees:
        return _check("gpus", "note", f"{detail}: `regions` clusters and searches on the CPU")
    if not torch_sees and shutil.which("nvidia-smi"):
        fix = "pip install --force-reinstall torch --index-url URL, with the one that PyTorch names for your CUDA"
        return _check("gpus", "problem", f"{detail}, although nvidia-smi is there: torch {torch.__version__}", fix)
    return _check("gpus", "ok" if torch_sees else "note", detail)


def _espeak() -> dict:
    failure = _import_error("espeakng_loader")
    if failure:
        return _check("espeak", "note", f"optional, not installed ({failure})", "pip install 'saladkit[espeak]'")
    from saladkit.speech.voices.voice import open_voice

    try:
        utterance = open_voice("espeak:en-us").speak("Hello.")
    except SaladError as error:
        return _check("espeak", "problem", error.problem, error.fix)
    except OSError as error:  # this system cannot open the library that the package contains
        return _check("espeak", "problem", f"does not load: {error}", "pip install --force-reinstall espeakng-loader")
    return _check("espeak", "ok", f"spoke {len(utterance.samples) / utterance.sample_rate:.2f} s")


def _extra(extra: str, modules: tuple[str, ...]) -> dict:
    failures = [failure for module in modules if (failure := _import_error(module))]
    if failures:
        return _check(extra, "note", f"optional, not installed ({failures[0]})", f"pip install 'saladkit[{extra}]'")
    return _check(extra, "ok", "installed")


def _disk() -> dict:
    free = shutil.disk_usage(".").free
    detail = f"{free / GIGABYTE:.1f} GB free in this folder"
    if free < LITTLE_DISK:
        return _check("disk", "note", detail, "du -sh * | sort -h  # what takes the room here")
    return _check("disk", "ok", detail)


def _memory() -> dict:
    memory = psutil.virtual_memory()
    detail = f"{memory.available / GIGABYTE:.1f} GB free, {memory.total / GIGABYTE:.1f} GB in total"
    return _check("memory", "ok" if memory.total >= LITTLE_MEMORY else "note", detail)
