"""What both stages of training share: open the inputs, train, complete the checkpoint."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import PLAN, SUMMARY, ArtefactWriter, is_artefact, written_aside
from saladkit.formats.checkpoint import CARD, LOGS, METRICS, STABLE
from saladkit.formats.columns import ColumnNames
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.card import SourceFigures, model_card
from saladkit.model.configuration import SaladConfig
from saladkit.model.dataset import TrainingSchedule, TrainingSource
from saladkit.model.interleaving import InterleavingOptions
from saladkit.model.loading import load_text_model, load_tokenizer
from saladkit.model.lora import LoraOptions
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.model.saving import CheckpointSaver
from saladkit.model.sequence import FrameClock
from saladkit.model.sources import WeightedPath, check_teacher_covers, open_speech, open_text
from saladkit.model.text import tokenizer_digest
from saladkit.model.training import TrainingOptions, train
from saladkit.model.unadapted_teacher import UnadaptedTeacher
from saladkit.speech.front_end import LogMelFrontEnd
from saladkit.teacher.signals import CachedTeacher, LiveTeacher, TeacherSignal


@dataclass(frozen=True)
class OpenedInputs:
    """What training reads, checked."""

    sources: list[TrainingSource]
    teacher: TeacherSignal | None
    clock: FrameClock

    def figures(self, options: TrainingOptions) -> dict:
        """The plan: rows and words of every source, rows to be read."""
        batch = options.per_device_train_batch_size * options.gradient_accumulation_steps
        return {
            "rows": {source.name: len(source) for source in self.sources},
            "text_tokens": {s.name: sum(len(text.token_ids) for text in s.texts) for s in self.sources},
            "rows_never_cut": sum(source.never_cut for source in self.sources),
            "rows_to_read": options.max_steps * batch,
        }


@dataclass(frozen=True)
class TrainingInputs:
    """Where the inputs of a training command are."""

    data: list[WeightedPath]
    replay: list[WeightedPath]
    teacher: str
    frames: list[str]
    words: list[str]
    names: ColumnNames
    limit: int | None

    def paths(self) -> dict[str, str]:
        """The inputs by role, as a manifest lists them."""
        roles = {f"data {i}": source.path for i, source in enumerate(self.data)}
        roles |= {f"replay {i}": source.path for i, source in enumerate(self.replay)}
        roles |= {f"frames {i}": path for i, path in enumerate(self.frames)}
        roles |= {f"words {i}": path for i, path in enumerate(self.words)}
        return roles | {"teacher": self.teacher}

    def settings(
        self, options: TrainingOptions, interleaving: InterleavingOptions, lora: LoraOptions | None, save: str
    ) -> dict:
        """Everything but the files that the result depends on; what is left at its default came later, and is left out.

        So a checkpoint that was made before there was such an option is still what its line makes.
        """
        read = {
            "weights": {"data": [s.weight for s in self.data], "replay": [s.weight for s in self.replay]},
            "limit": self.limit,
            "columns": vars(self.names),
        }
        values = asdict(options) | {"lora": lora and asdict(lora), "save": None if save == "full" else save}
        later = ("gradient_checkpointing", "torch_compile", "lora", "save")
        given = {name: value for name, value in values.items() if value or name not in later}
        return given | {"interleaving": asdict(interleaving)} | read

    def open(
        self,
        tokenizer: PreTrainedTokenizerBase,
        config: SaladConfig,
        options: TrainingOptions,
        model: str,
        *,
        own_teacher: bool = False,
    ) -> OpenedInputs:
        """Open and check everything.

        Args:
            own_teacher: whether the student with its LoRA off will be the teacher; none is opened then.

        Raises:
            SaladError: anything missing, speech without word times, a teacher of another tokenizer or text, steps that
                do not fit each other, or more than one process.
        """
        if int(os.environ.get("WORLD_SIZE", 1)) > 1:
            raise SaladError(
                f"training in {os.environ['WORLD_SIZE']} processes is not supported yet",
                "Run the line without `accelerate launch`: one process, one device.",
            )
        if options.save_steps % options.logging_steps:
            raise SaladError(
                f"--save-steps {options.save_steps} is no multiple of --logging-steps {options.logging_steps}",
                "Make it one: a resumed run then logs what an undisturbed one would have logged.",
            )
        if options.lexical_steps and not (options.lexical_weight > 0 and options.lexical_steps < options.max_steps):
            raise SaladError(
                f"--lexical-steps {options.lexical_steps} with --lexical-weight {options.lexical_weight} "
                f"and --max-steps {options.max_steps}",
                "Give a weight above 0, and fewer lexical steps than steps.",
            )
        front_end = LogMelFrontEnd(bins=config.num_mel_bins)
        clock = FrameClock(front_end.frames_per_second, config.frames_per_vector)
        opened = {"names": self.names, "limit": self.limit}
        caches = {"frames_caches": self.frames, "word_times": self.words}
        sources = [open_speech(source, tokenizer, front_end, **caches, **opened) for source in self.data]
        for source in sources:
            if source.never_cut == len(source):
                raise SaladError(
                    f"no row of {source.name} has a word inside whose time is known, so none can be interleaved",
                    "Find the times with `saladkit timestamps` and give them with --words.",
                )
        sources += [open_text(source, tokenizer, **opened) for source in self.replay]
        wanted = options.alpha > 0 and not own_teacher
        teacher = open_teacher(self.teacher, tokenizer, model, sources) if wanted else None
        return OpenedInputs(sources, teacher, clock)


def open_teacher(
    name: str, tokenizer: PreTrainedTokenizerBase, model: str, sources: list[TrainingSource]
) -> TeacherSignal:
    """A teacher cache that holds every text of the sources, or a text LLM.

    Raises:
        SaladError: made with another tokenizer than `model`'s, or a text is missing.
    """
    if is_artefact(name) and not (Path(name) / "config.json").exists():
        cache = TeacherCache(name)
        cache.check_tokenizer(tokenizer_digest(tokenizer), model)
        check_teacher_covers(cache, sources)
        return CachedTeacher(cache)
    if tokenizer_digest(load_tokenizer(name)) != tokenizer_digest(tokenizer):
        raise SaladError(f"{name} has another tokenizer than {model}", "Give the text LLM that the model started from.")
    return LiveTeacher(load_text_model(name, dtype="float32", device="cpu"))


def run_training(
    student: SaladForCausalLM,
    tokenizer: PreTrainedTokenizerBase,
    opened: OpenedInputs,
    options: TrainingOptions,
    interleaving: InterleavingOptions,
    writer: ArtefactWriter,
    *,
    identity: dict,
    device: str,
    report_to: str,
    keep_stable: bool,
    own_teacher: bool,
    save: str,
) -> dict:
    """Train and write the manifest; the figures for the summary.

    Raises:
        SaladError: the training diverges.
    """
    batch = options.per_device_train_batch_size * options.gradient_accumulation_steps
    schedule = TrainingSchedule(
        opened.sources,
        count=options.max_steps * batch,
        warm_up=options.lexical_steps * batch,
        batch=batch,
        clock=opened.clock,
        options=interleaving,
        seed=options.seed,
    )
    last = train(
        student,
        CheckpointSaver(SaladProcessor(tokenizer, student.config), trained=save == "trained"),
        schedule,
        UnadaptedTeacher(student.language_model) if own_teacher else opened.teacher,
        options,
        writer.path,
        device=device,
        report_to=report_to,
        keep_stable=keep_stable,
    )
    read = {source.name: int((schedule.source == i).sum()) for i, source in enumerate(opened.sources)}
    about = [
        SourceFigures(s.name, s.frames is not None, s.weight, len(s), int((schedule.source == i).sum()))
        for i, s in enumerate(opened.sources)
    ]
    for folder, losses in ((writer.path, last), (writer.path / STABLE, None)):
        if folder.is_dir():
            with written_aside(folder / CARD) as aside:
                aside.write_text(model_card(writer.plan, student.config, about, losses))
    for file in sorted(path for path in writer.path.rglob("*") if path.is_file()):
        name = file.relative_to(writer.path)
        if name.parts[0] not in (PLAN, SUMMARY, LOGS):
            writer.has(str(name))
    never_cut = sum(source.never_cut for source in opened.sources)
    counts = {"steps": options.max_steps, "rows_read": sum(read.values()), "rows_never_cut": never_cut}
    writer.finish(counts=counts, identity=identity | {"tokenizer": tokenizer_digest(tokenizer), "log": METRICS})
    return {"steps": options.max_steps, "rows_read": read, "rows_never_cut": never_cut, "last": last}
