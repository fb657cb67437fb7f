"""Compare the teacher's distributions for one training step: read from a cache, or computed by the live text LLM.

The signal alone is timed as `head_loss` gets it, with all that is computed piece by piece. The step is forward, loss
and backward of a student of the same shape.
"""

import tempfile
from functools import partial
from pathlib import Path

import torch

from saladkit.formats.artefact_writer import create_artefact
from saladkit.formats.teacher_cache import SCHEMA, VERSION, TeacherCache, write_cache_part
from saladkit.rows.training_rows import TrainingExample
from saladkit.teacher.distributions import HiddenDistributions
from saladkit.teacher.encodings import Sampled, encode_texts, to_rows, vocabulary_of
from saladkit.teacher.head import LossRequest
from saladkit.teacher.signals import CachedTeacher, LiveTeacher, TeacherSignal
from shapes import text_model
from side_by_side import arguments, emit, run_pairs
from training_batches import half_precision, make_batch, speech_model
from training_rows import examples_of, schedule

SPREAD, PIECE = 7.2, 512  # as in cache_teacher_bytes.py; positions per piece of a live teacher's logits


def main() -> None:
    """Print one line for the signal and one for the step."""
    parser = arguments(__doc__.splitlines()[0], shape="0.5b")
    parser.add_argument(
        "--layers", type=int, help="layers, if fewer than the shape's  [default: 4 on a CPU, the shape's on a GPU]"
    )
    parser.add_argument("--rows", type=int, default=4)
    options = parser.parse_args()
    layers = options.layers or (4 if options.device == "cpu" and options.shape != "tiny" else None)
    device = torch.device(options.device)
    teacher = text_model(options.shape, dtype=options.dtype, device=options.device, layers=layers, spread=SPREAD)
    student, vocabulary = speech_model(options.shape, device=options.device, layers=layers)
    drawn = schedule(options.rows, vocabulary, options.rows)
    batch = make_batch(examples_of(drawn), packed=True, model=student, device=options.device)
    examples = batch.rows
    with tempfile.TemporaryDirectory() as folder:
        signals = CachedTeacher(cache(teacher, examples, Path(folder), options.device)), LiveTeacher(teacher, 1.0, True)

        def step(signal: TeacherSignal) -> None:
            with half_precision(options.device, options.dtype):
                requests = [LossRequest(ask(signal, examples, device), batch.requests[0].token_ids)]
                student(**batch.model, requests=requests).loss.backward()
            student.zero_grad()

        def heard(signal: TeacherSignal) -> None:
            said = ask(signal, examples, device)
            if isinstance(said, HiddenDistributions):
                for at in range(0, len(said), PIECE):
                    said.piece(at, at + PIECE)

        for name, work in (("the signal alone", heard), ("within a step", step)):
            found = run_pairs(*(partial(work, signal) for signal in signals), options.pairs, options.device)
            emit(
                f"cached teacher against online: {name}",
                ours=1000 * found.ours,
                theirs=1000 * found.theirs,
                unit="ms",
                ratio=found.speedup,
                target=None,
                device=options.device,
                shape=options.shape,
                dtype=options.dtype,
                pairs=found.pairs,
                layers=teacher.config.num_hidden_layers,
                places=batch.places,
                text_positions=len(batch.requests[0]),
            )


def cache(teacher: object, examples: list[TrainingExample], folder: Path, device: str) -> TeacherCache:
    """Write and open a complete cache of the examples' texts."""
    encoding, texts = Sampled(50, 1.0), [example.token_ids for example in examples]
    identity = {"keep": "sampled", "draws": 50, "vocabulary": vocabulary_of(teacher)}
    rows = to_rows(encode_texts(teacher, texts, encoding, device, 0), encoding, [len(text) for text in texts])
    writer = create_artefact(
        folder / "cache", schema=SCHEMA, version=VERSION, verb="benchmark", settings=identity, inputs={}
    )
    write_cache_part(writer.path / "part.safetensors", [e.id for e in examples], texts, rows, identity)
    writer.has_all(["part.safetensors", "part.parquet"])
    writer.finish(counts={"rows": len(rows)}, identity=identity)
    return TeacherCache(writer.path)


def ask(signal: TeacherSignal, examples: list[TrainingExample], device: torch.device) -> object:
    """Return the distributions that `SaladTrainer` requests."""
    return signal.distributions([e.token_ids for e in examples], [e.sequence.targets for e in examples], device)


if __name__ == "__main__":
    main()
