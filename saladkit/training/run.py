"""What both stages of training share: open the inputs, train, complete the checkpoint."""

from dataclasses import asdict, dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError
from saladkit.formats.artefact import PLAN, SUMMARY, ArtefactWriter, is_artefact
from saladkit.formats.checkpoint import CARD, LOGS, METRICS, STABLE, positions_trained_on
from saladkit.formats.files import written_aside
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.machine import is_main_process, processes
from saladkit.model.configuration import SaladConfig
from saladkit.model.front_ends import layout_of
from saladkit.model.loading import check_packing, load_text_model, load_tokenizer, use_attention
from saladkit.model.lora import LoraOptions
from saladkit.model.processor import SaladProcessor
from saladkit.model.salad import SaladForCausalLM
from saladkit.rows.interleaving import InterleavingOptions
from saladkit.rows.schedule import TrainingSchedule, TrainingSource
from saladkit.rows.sequences import SequenceLayout
from saladkit.rows.tokens import tokenizer_digest
from saladkit.rows.training_sources import (
    WeightedPath,
    check_same_resampler,
    check_teacher_covers,
    open_speech,
    open_text,
)
from saladkit.sources.columns import ColumnNames
from saladkit.speech.front_end import FrontEnd
from saladkit.teacher.signals import CachedTeacher, LiveTeacher, TeacherSignal
from saladkit.training.loop import train
from saladkit.training.model_card import SourceFigures, model_card
from saladkit.training.options import TrainingOptions
from saladkit.training.saved_states import STATES, discard_states
from saladkit.training.saving import CheckpointSaver
from saladkit.training.sharding import check_sharding
from saladkit.training.unadapted_teacher import UnadaptedTeacher


@dataclass(frozen=True)
class OpenedInputs:
    """What training reads, checked."""

    sources: list[TrainingSource]
    teacher: TeacherSignal | None
    layout: SequenceLayout
    resampler: str | None

    def resampling(self) -> dict[str, str]:
        """What the manifest records of the resampler: nothing of torchaudio, the default."""
        return {} if self.resampler in (None, "torchaudio") else {"resampler": self.resampler}

    def left_out(self) -> list[dict]:
        """Rows that no piece of is read, as a manifest lists them."""
        reason = "over --max-length, and it cannot be split where its tokens and the times of its words allow"
        return [{"id": id_, "source": s.name, "reason": reason} for s in self.sources for id_ in s.left_out]

    def figures(self, options: TrainingOptions) -> dict:
        """The plan: rows and words of every source, rows to be read."""
        return {
            "rows": {source.name: len(source) for source in self.sources},
            "text_tokens": {s.name: sum(len(text.token_ids) for text in s.texts) for s in self.sources},
            "rows_never_cut": sum(source.never_cut for source in self.sources),
            "rows_split": sum(source.split for source in self.sources),
            "skipped": len(self.left_out()),
            "rows_to_read": options.max_steps * rows_a_step(options),
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
        """Everything but the files that the result depends on."""
        read = {
            "weights": {"data": [s.weight for s in self.data], "replay": [s.weight for s in self.replay]},
            "limit": self.limit,
            "columns": vars(self.names),
        }
        shape = {"interleaving": asdict(interleaving), "lora": lora and asdict(lora), "save": save}
        return asdict(options) | shape | {"processes": processes()} | read

    def open(
        self,
        tokenizer: PreTrainedTokenizerBase,
        config: SaladConfig,
        front_end: FrontEnd,
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
                do not fit each other.
        """
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
        layout = layout_of(config, front_end)
        opened = {"names": self.names, "limit": self.limit, "max_length": options.max_length}
        caches = {"frames_caches": self.frames, "word_times": self.words}
        sources = [open_speech(source, tokenizer, front_end, **caches, **opened) for source in self.data]
        sources += [open_text(source, tokenizer, **opened) for source in self.replay]
        for source in sources:
            if not len(source):
                raise SaladError(
                    f"every row of {source.name} is over --max-length {options.max_length}, and none can be split",
                    "Raise --max-length, or put spaces where words end.",
                )
            if source.frames is None:
                continue
            if source.never_cut == len(source):
                raise SaladError(
                    f"no row of {source.name} has a word inside whose time is known, so none can be interleaved",
                    "Find the times with `saladkit timestamps` and give them with --words.",
                )
        resampler = check_same_resampler(sources)
        followed = [source for source in sources if options.alpha > 0 and not options.by_likelihood(source.replay)]
        wanted = bool(followed) and not own_teacher
        teacher = open_teacher(self.teacher, tokenizer, model, followed, options) if wanted else None
        return OpenedInputs(sources, teacher, layout, resampler)


def open_teacher(
    name: str,
    tokenizer: PreTrainedTokenizerBase,
    model: str,
    sources: list[TrainingSource],
    options: TrainingOptions,
) -> TeacherSignal:
    """A teacher cache that holds every text of the sources, or a text LLM.

    Raises:
        SaladError: made with another tokenizer than `model`'s or at another temperature, a text is missing, or a
            divergence that cannot be told from samples.
    """
    if is_artefact(name) and not (Path(name) / "config.json").exists():
        cache = TeacherCache(name)
        cache.check_tokenizer(tokenizer_digest(tokenizer), model)
        if cache.identity["temperature"] != options.temperature:
            raise SaladError(
                f"{name} was made at temperature {cache.identity['temperature']}, and this training is at "
                f"{options.temperature}",
                "Give both the same --temperature.",
            )
        if cache.sampled and options.divergence != "forward-kl":
            raise SaladError(
                f"{name} holds samples, from which --divergence {options.divergence} cannot be told without bias",
                "Use forward-kl, a cache made with --keep top-k, or the text LLM itself as --teacher.",
            )
        check_teacher_covers(cache, sources)
        return CachedTeacher(cache)
    if tokenizer_digest(load_tokenizer(name)) != tokenizer_digest(tokenizer):
        raise SaladError(f"{name} has another tokenizer than {model}", "Give the text LLM that the model started from.")
    return LiveTeacher(load_text_model(name, dtype="float32", device="cpu"), options.temperature, options.packed)


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
    attention: str,
    report_to: str,
    keep_stable: bool,
    resume_from: str | None,
    own_teacher: bool,
    save: str,
) -> dict:
    """Train and write the manifest; the figures for the summary.

    Args:
        attention: how the layers' attention is computed: a name of transformers' `attn_implementation`.

    Raises:
        SaladError: the training diverges, the attention is not there, or weights are cut as they cannot be.
    """
    check_sharding(own_teacher=own_teacher)
    if options.packed:
        check_packing(student.language_model)
    use_attention(student, attention, half_on_gpu=options.bf16 and device != "cpu")
    batch = rows_a_step(options)
    schedule = TrainingSchedule(
        opened.sources,
        count=options.max_steps * batch,
        warm_up=options.lexical_steps * batch,
        batch=batch,
        packed_micro_batch=options.per_device_train_batch_size if options.packed else None,
        layout=opened.layout,
        options=interleaving,
        seed=options.seed,
    )
    own = UnadaptedTeacher(student.language_model, options.temperature, options.packed) if own_teacher else None
    last = train(
        student,
        CheckpointSaver(SaladProcessor(tokenizer, student.config), trained=save == "trained"),
        schedule,
        own or opened.teacher,
        options,
        writer.path,
        device=device,
        report_to=report_to,
        keep_stable=keep_stable,
        resume_from=resume_from,
    )
    read = {source.name: int((schedule.source == i).sum()) for i, source in enumerate(opened.sources)}
    plan = opened.figures(options)
    notes = {name: plan[name] for name in ("rows_never_cut", "rows_split")}
    if is_main_process():
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
            if name.parts[0] not in (PLAN, SUMMARY, LOGS, STATES):
                writer.has(str(name))
        writer.finish(
            counts={"steps": options.max_steps, "rows_read": sum(read.values())}
            | notes
            | positions_trained_on(writer.path, options.stable_steps, writer.plan["inputs"].get("checkpoint")),
            skipped=opened.left_out(),
            identity=identity | {"tokenizer": tokenizer_digest(tokenizer), "log": METRICS},
        )
        discard_states(writer.path)
    return {"steps": options.max_steps, "rows_read": read, "skipped": len(opened.left_out())} | notes | {"last": last}


def rows_a_step(options: TrainingOptions) -> int:
    """Rows of one optimizer step, of all processes."""
    return options.per_device_train_batch_size * options.gradient_accumulation_steps * processes()
