"""The tests' own small world: three subjects, a text LLM of two layers, speech by espeak-ng, and artefacts of these.

Every artefact is made once a session by the commands' own functions (under pytest-xdist once a worker).
"""

import os

# One thread: sums come out the same on every machine, and two workers do not fight over two cores.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["HF_HUB_OFFLINE"] = "1"

import saladkit.model  # noqa: F401  # before transformers, which a torchaudio that does not load would break

# isort: split
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result
from foreign_sources import Spoken, speak_all
from loaded_python import serving
from transformers import (
    EncodecFeatureExtractor,
    MimiConfig,
    MimiModel,
    PreTrainedTokenizerBase,
    Qwen2ForCausalLM,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

import build_world
import train_lm
from saladkit.cli import main
from saladkit.model.configuration import SaladConfig, adapter_configuration
from saladkit.model.loading import load_text_model, load_tokenizer
from saladkit.model.salad import SaladForCausalLM
from saladkit.settings.cache_speech import CacheSpeechSettings
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.settings.distill import AdapterSettings
from saladkit.settings.synth import SynthSettings
from saladkit.stages.cache_speech import cache_speech
from saladkit.stages.cache_teacher import cache_teacher
from saladkit.stages.synth import synth

torch.set_num_threads(1)

BINS = 16
ADAPTER = AdapterSettings(adapter_layers=1, adapter_width=16, adapter_mlp_width=32, adapter_heads=2, adapter_kv_heads=1)
ENCODER = {"speech_encoder": "log-mel", "num_mel_bins": BINS, "encoder_width": 16}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that read the artefacts of the session; `make test-fast` omits them, as they take a minute.

    Then put the files first that run whole commands, so that no worker still has a long one when all others are done.
    """
    for item in items:
        if "workshop" in getattr(item, "fixturenames", ()):
            item.add_marker("artefacts")
    tests = Path(__file__).parent
    items.sort(key=lambda item: (item.path.parent != tests, tests / "stages" not in item.path.parents))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).parents[1]


@pytest.fixture(scope="session")
def loaded_python(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A program like `python` whose processes start with torch, transformers and the stages imported."""
    with serving(tmp_path_factory.mktemp("loaded"), repository) as program:
        yield program


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's artefacts lie; tests read there and write elsewhere."""
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="session")
def world(workshop: Path) -> Path:
    """lm.parquet, pool.parquet (60 texts), natural.parquet (24) and questions.parquet (12) of three subjects."""
    sizes = build_world.Sizes(lm_documents=120, pool_documents=60, natural_documents=24, questions_per_subject=4)
    subjects = build_world.chosen_subjects(["animals", "astronomy", "capitals"], small=False, sizes=sizes)
    build_world.build(workshop / "world", subjects, sizes, seed=2)
    return workshop / "world"


def _train_text_lm(world: Path, output: Path, vocabulary: int) -> Path:
    settings = train_lm.TrainLmSettings(
        steps=20, batch_size=8, learning_rate=4e-3, hidden_size=32, layers=2, vocabulary=vocabulary
    )
    train_lm.train(str(world / "lm.parquet"), output, settings)
    return output


@pytest.fixture(scope="session")
def text_lm(workshop: Path, world: Path) -> Path:
    """A text LLM: Qwen2's shape, two layers of width 32."""
    return _train_text_lm(world, workshop / "text-lm", 400)


@pytest.fixture(scope="session")
def other_text_lm(workshop: Path, world: Path) -> Path:
    """A text LLM with another tokenizer."""
    return _train_text_lm(world, workshop / "other-text-lm", 300)


@pytest.fixture(scope="session")
def tokenizer(text_lm: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of `text_lm`: byte-level BPE without BOS."""
    return load_tokenizer(text_lm)


@pytest.fixture(scope="session")
def speech(workshop: Path, world: Path) -> Path:
    """natural.parquet, spoken by two espeak voices."""
    settings = SynthSettings(voices=("espeak:en-us", "espeak:en-gb+f2"), workers=1)
    synth(str(world / "natural.parquet"), workshop / "speech", settings)
    return workshop / "speech"


@pytest.fixture(scope="session")
def spoken() -> list[Spoken]:
    """Three utterances, which `foreign_sources` lays out as other tools do."""
    return speak_all()


@pytest.fixture(scope="session")
def spoken_questions(workshop: Path, world: Path) -> Path:
    """questions.parquet, spoken."""
    settings = SynthSettings(voices=("espeak:en-us",), workers=1)
    synth(str(world / "questions.parquet"), workshop / "spoken-questions", settings)
    return workshop / "spoken-questions"


@pytest.fixture(scope="session")
def teacher_cache(workshop: Path, world: Path, text_lm: Path) -> Path:
    """The text LLM's distributions of natural.parquet and pool.parquet, 8 tokens a position."""
    sources = [str(world / "natural.parquet"), str(world / "pool.parquet")]
    settings = CacheTeacherSettings(model=str(text_lm), top_k=8, device="cpu")
    cache_teacher(sources, workshop / "teacher-cache", settings)
    return workshop / "teacher-cache"


@pytest.fixture(scope="session")
def frames_cache(workshop: Path, speech: Path) -> Path:
    """The front-end frames of `speech`, 16 mel bins."""
    cache_speech([str(speech)], workshop / "frames-cache", CacheSpeechSettings(bins=BINS))
    return workshop / "frames-cache"


@pytest.fixture(scope="session")
def mimi(workshop: Path) -> Path:
    """Mimi's classes and rates, six codebooks of 32 codes, random."""
    torch.manual_seed(0)
    config = MimiConfig(
        hidden_size=16,
        num_filters=4,
        num_hidden_layers=1,
        intermediate_size=32,
        num_attention_heads=2,
        num_key_value_heads=2,
        codebook_size=32,
        codebook_dim=8,
        vector_quantization_hidden_dimension=8,
        num_quantizers=6,
        upsample_groups=16,
    )
    codec = MimiModel(config)
    for name, buffer in codec.named_buffers():
        if name.endswith("embed_sum"):  # zeros at the start: every code would be the first
            buffer.normal_()
        elif name.endswith("cluster_usage"):
            buffer.uniform_(0.5, 2)
    codec.save_pretrained(workshop / "mimi")
    EncodecFeatureExtractor(sampling_rate=config.sampling_rate).save_pretrained(workshop / "mimi")
    return workshop / "mimi"


@pytest.fixture(scope="session")
def whisper(workshop: Path) -> Path:
    """Whisper's classes and rates, three layers, random; its windows are of 2 s."""
    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=16,
        encoder_layers=3,
        encoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_layers=1,
        decoder_attention_heads=2,
        decoder_ffn_dim=32,
        max_source_positions=100,
        max_target_positions=8,
        vocab_size=16,
        pad_token_id=0,
        bos_token_id=0,
        eos_token_id=0,
        decoder_start_token_id=0,
    )
    WhisperForConditionalGeneration(config).save_pretrained(workshop / "whisper")
    WhisperFeatureExtractor(chunk_length=2).save_pretrained(workshop / "whisper")
    return workshop / "whisper"


@pytest.fixture(scope="session")
def distill_arguments(world: Path, text_lm: Path, speech: Path, teacher_cache: Path, frames_cache: Path) -> list[str]:
    """`saladkit distill` for four steps, without its output."""
    arguments = {
        "--data": f"{speech}:2",
        "--replay": world / "pool.parquet",
        "--teacher": teacher_cache,
        "--frames": frames_cache,
        "--max-steps": 4,
        "--per-device-train-batch-size": 4,
        "--warmup-steps": 1,
        "--decay-fraction": 0.5,
        "--logging-steps": 1,
        "--save-steps": 2,
        "--lexical-weight": 0.5,
        "--adapter-layers": ADAPTER.adapter_layers,
        "--adapter-width": ADAPTER.adapter_width,
        "--adapter-mlp-width": ADAPTER.adapter_mlp_width,
        "--adapter-heads": ADAPTER.adapter_heads,
        "--adapter-kv-heads": ADAPTER.adapter_kv_heads,
        "--adapter-length": "learned",
        "--mel-bins": BINS,
        "--encoder-width": ENCODER["encoder_width"],
        "--device": "cpu",
    }
    options = [str(word) for option in arguments.items() for word in option]
    return ["distill", str(text_lm), *options, "--text-words", "4", "8", "--speech-words", "3", "6"]


@pytest.fixture(scope="session")
def checkpoint(workshop: Path, distill_arguments: list[str]) -> Path:
    """The checkpoint that `distill_arguments` make."""
    result = CliRunner().invoke(main, [*distill_arguments, "-o", str(workshop / "checkpoint")], catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return workshop / "checkpoint"


@pytest.fixture(scope="session")
def salad_model(text_lm: Path) -> SaladForCausalLM:
    """A speech-adapted model around `text_lm` that has not been trained, in float32; do not change it."""
    torch.manual_seed(0)
    language_model: Qwen2ForCausalLM = load_text_model(text_lm, dtype="float32", device="cpu")
    config = SaladConfig(adapter_config=adapter_configuration(ADAPTER), **ENCODER)
    return SaladForCausalLM.from_text_model(language_model, config).eval()


@pytest.fixture(scope="session")
def shell() -> Callable[..., Result]:
    """Run `saladkit` in this process; a bug raises."""

    def run(*arguments: object) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)

    return run


@pytest.fixture(scope="session")
def contents() -> Callable[[Path], dict[str, bytes]]:
    """Every file below a folder but summary.json, which tells the seconds of a run."""

    def read(folder: Path) -> dict[str, bytes]:
        files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "summary.json")
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    return read
