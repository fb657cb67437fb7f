"""A teacher cache in transformers' Trainer, in TRL's SFTTrainer, and in DistillKit's columns."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from datasets import Dataset, load_from_disk
from trl.experimental.server_distillation import ServerDistillationTrainer

import distillkit_columns
import trainer_with_cache
import trl_top_k
from saladkit.api import read_samples
from saladkit.errors import SaladError
from saladkit.formats.teacher_cache import TeacherCache
from saladkit.model.loading import load_text_model
from saladkit.settings.cache_teacher import CacheTeacherSettings
from saladkit.stages.cache_teacher import cache_teacher

ALL = {"max_steps": 2, "per_device_train_batch_size": 24, "learning_rate": 1e-2, "logging_steps": 1, "use_cpu": True}


@pytest.fixture(scope="module")
def texts(world):
    return str(world / "natural.parquet")


@pytest.fixture(scope="module")
def student(text_lm, tokenizer, tmp_path_factory):
    """The text LLM with noise in all weights."""
    torch.manual_seed(1)
    model, folder = load_text_model(text_lm, dtype="float32", device="cpu"), tmp_path_factory.mktemp("student")
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def mean_kl(teacher_cache, texts, student, tokenizer):
    """KL(teacher || student) over all positions: the kept tokens, and all others as one class, in float64."""
    cache, found = TeacherCache(teacher_cache), []
    model = load_text_model(student, dtype="float32", device="cpu").double().eval()
    for ids in tokenizer(read_samples(texts).column("text").to_pylist())["input_ids"]:
        row, q = cache.row(ids), torch.softmax(model(torch.tensor(ids)[None]).logits[0].detach(), dim=-1)
        kept = torch.from_numpy(row.kept_ids).long()
        p = torch.from_numpy(np.c_[row.kept_log_probs.astype(np.float64), row.log_tail]).exp()
        p /= p.sum(dim=1, keepdim=True)
        q = torch.cat([q.gather(1, kept), 1 - q.gather(1, kept).sum(dim=1, keepdim=True)], dim=1)
        found.append((p * (p / q).log()).sum(dim=1))
    return float(torch.cat(found).mean())


@pytest.mark.parametrize("example", [trainer_with_cache, trl_top_k], ids=["transformers", "trl"])
def test_a_trainer_of_others_trains_on_a_cache(example, texts, student, teacher_cache, mean_kl, tmp_path):
    trainer = example.distil(str(teacher_cache), texts, student, str(tmp_path / "out"), **ALL)
    first, second = (line["loss"] for line in trainer.state.log_history if "loss" in line)
    assert first == pytest.approx(mean_kl, rel=1e-3)
    assert second < first
    load_text_model(tmp_path / "out", dtype="float32", device="cpu")


def test_texts_that_the_cache_lacks_are_counted(world, student, teacher_cache, tmp_path, capsys):
    one = {"max_steps": 1, "per_device_train_batch_size": 1, "use_cpu": True}
    mixed = tmp_path / "mixed.jsonl"
    held = read_samples(world / "natural.parquet", limit=1).column("text")[0].as_py()
    mixed.write_text("".join(f'{{"id": "{n}", "text": "{text}"}}\n' for n, text in enumerate([held, "Nobody knows."])))
    trainer_with_cache.distil(str(teacher_cache), str(mixed), student, str(tmp_path / "out"), **one)
    assert "1 of 2 texts are in" in capsys.readouterr().err


def test_trl_computes_the_same_from_the_columns(texts, student, teacher_cache, mean_kl):
    """Its own loss over a teacher server's answer, of which the data set has the names and shapes."""
    batch = trl_top_k.collate(list(trl_top_k.top_k_dataset(str(teacher_cache), [texts], student)))
    model = load_text_model(student, dtype="float32", device="cpu").eval()
    logits = model(batch["input_ids"], attention_mask=batch["attention_mask"]).logits.detach()
    answer = {"topk_logprobs": batch["logprobs"], "topk_token_ids": batch["logprob_token_ids"]}
    theirs = SimpleNamespace(
        loss_add_tail=True, _reduce_divergence_loss=ServerDistillationTrainer._reduce_divergence_loss
    )
    loss = ServerDistillationTrainer._compute_server_forward_kl_loss(
        theirs, answer, logits.log_softmax(dim=-1), batch["labels"]
    )
    assert float(loss) == pytest.approx(mean_kl, rel=2e-3)  # they do not know the tail of rounded values


def distillkit_kl(rows, model):
    """Sparse KL with `symmetric_uniform`, as DistillKit defines it: what the kept values lack of 1 is one class."""
    found = []
    for row in rows:
        logits = model(torch.tensor(row["input_ids"])[None], attention_mask=torch.tensor(row["attention_mask"])[None])
        q = logits.logits[0].detach().double().log_softmax(dim=-1).gather(1, torch.tensor(row["token_ids"]))
        log_p = torch.tensor(row["top_values"], dtype=torch.float64)
        p, missing = log_p.exp(), (1 - log_p.exp().sum(1)).clamp(min=1e-6)
        kl = (p * (log_p - q)).sum(1) + missing * (missing / (1 - q.exp().sum(1)).clamp(min=1e-6)).log()
        found.append(kl[torch.tensor(row["labels"]) >= 0])
    return float(torch.cat(found).mean())


def test_a_cache_goes_to_distillkit_and_comes_back(texts, student, teacher_cache, mean_kl, text_lm, tmp_path):
    count = distillkit_columns.write(str(teacher_cache), [texts], str(text_lm), tmp_path / "rows")
    rows = load_from_disk(str(tmp_path / "rows"))
    assert len(rows) == count and len({len(row["input_ids"]) for row in rows}) == 1  # `prepacked` wants one length
    assert np.isfinite(np.array(rows["top_values"])).all()  # their loss multiplies padding by 0
    model = load_text_model(student, dtype="float32", device="cpu").eval()
    assert distillkit_kl(rows, model) == pytest.approx(mean_kl, rel=2e-3)
    assert distillkit_columns.read(tmp_path / "rows", str(text_lm), tmp_path / "cache") == count
    first, again = TeacherCache(teacher_cache), TeacherCache(tmp_path / "cache")
    for row in rows:
        tokens = np.array(row["input_ids"])[np.array(row["labels"]) != -100]
        before, after = first.row(tokens), again.row(tokens)
        assert np.array_equal(before.kept_ids, after.kept_ids)
        assert np.array_equal(before.kept_log_probs, after.kept_log_probs)
        assert np.exp(after.log_tail) == pytest.approx(np.exp(before.log_tail), abs=2e-3)


def test_distill_trains_on_distributions_from_distillkit(
    shell, world, distill_arguments, teacher_cache, text_lm, tmp_path
):
    sources = [str(world / "natural.parquet"), str(world / "pool.parquet")]
    distillkit_columns.write(str(teacher_cache), sources, str(text_lm), tmp_path / "rows")
    distillkit_columns.read(tmp_path / "rows", str(text_lm), tmp_path / "cache")
    arguments = list(distill_arguments)
    arguments[arguments.index("--teacher") + 1] = str(tmp_path / "cache")
    arguments[arguments.index("--max-steps") + 1] = "1"
    result = shell(*arguments, "-o", tmp_path / "checkpoint")
    assert result.exit_code == 0, result.stderr


def test_a_captured_row_is_read_without_its_last_token(text_lm, tmp_path):
    """DistillKit captures n - 1 distributions of n tokens, of which the last is padding; in any order of values."""
    row = {"input_ids": [5, 6, 7], "token_ids": [[1, 2], [3, 4]], "top_values": [[-3.0, -0.5], [-0.25, -2.0]]}
    Dataset.from_list([row]).save_to_disk(tmp_path / "rows")
    distillkit_columns.read(tmp_path / "rows", str(text_lm), tmp_path / "cache")
    found = TeacherCache(tmp_path / "cache").row([5, 6])
    assert found.kept_ids.tolist() == [[2, 1], [3, 4]]
    assert found.kept_log_probs.tolist() == [[-0.5, -3.0], [-0.25, -2.0]]
    tails = [1 - np.exp(-0.5) - np.exp(-3.0), 1 - np.exp(-0.25) - np.exp(-2.0)]
    assert np.exp(found.log_tail) == pytest.approx(tails, rel=1e-5)


@pytest.mark.parametrize(
    "row, problem",
    [
        ({"input_ids": [5, 6], "compressed_logprobs": [[1]], "bytepacked_indices": [[1]]}, "compressed"),
        ({"input_ids": [5, 6, 7], "token_ids": [[1, 2]], "top_values": [[-1.0, -2.0]]}, "row 0 has 3 tokens"),
        ({"input_ids": [5, 6], "token_ids": [[1, 2]] * 2, "top_values": [[-1.0]] * 2}, "row 0 has 2 tokens"),
    ],
    ids=["compressed", "too few", "two widths"],
)
def test_rows_that_are_no_distributions_are_refused(row, problem, text_lm, tmp_path):
    Dataset.from_list([row]).save_to_disk(tmp_path / "rows")
    with pytest.raises(SaladError, match=problem):
        distillkit_columns.read(tmp_path / "rows", str(text_lm), tmp_path / "cache")


def test_draws_and_other_tokenizers_are_refused(texts, teacher_cache, text_lm, other_text_lm, tmp_path):
    with pytest.raises(SaladError, match="another tokenizer"):
        trl_top_k.top_k_dataset(str(teacher_cache), [texts], str(other_text_lm))
    cache_teacher([texts], tmp_path / "drawn", CacheTeacherSettings(model=str(text_lm), keep="sampled", device="cpu"))
    with pytest.raises(SaladError, match="holds random draws"):
        trl_top_k.top_k_dataset(str(tmp_path / "drawn"), [texts], str(text_lm))
