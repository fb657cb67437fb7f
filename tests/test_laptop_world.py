"""The laptop's world: a text LLM from GGUF, facts and questions from WordNet, recordings of people.

The parts come from `make laptop-parts`; without them these tests fail, and say so.
"""

import json
import re
import subprocess
from collections import Counter

import gguf
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

import build_texts
import next_words
import recordings
from import_lm import import_lm
from parts import DEBIAN, PYTHON, PartMissing, part
from saladkit.errors import SaladError
from saladkit.model.loading import load_text_model, load_tokenizer
from wordnet import WordNet, examples, glosses

FILES = ("natural", "pool", "general", "reading", "questions")


@pytest.fixture(scope="module")
def wordnet():
    return part("wordnet")


@pytest.fixture(scope="module", params=["large", "small"])
def world(request, wordnet, tmp_path_factory):
    """The rows of a world's files, and its sizes."""
    folder = tmp_path_factory.mktemp(request.param)
    small = request.param == "small"
    domains = build_texts.SMALL_DOMAINS if small else build_texts.NEAR + build_texts.FAR
    sizes = build_texts.SMALL if small else build_texts.LARGE
    build_texts.build(folder, wordnet, domains, sizes, seed=3)
    return {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in FILES}, domains, sizes


def words(text):
    return re.findall("[a-z]+", text.lower())


def plain(*texts):
    """Return texts as lower-case words between spaces."""
    return "|".join(f" {' '.join(words(text))} " for text in texts)


def meaning_of(question):
    return question["text"].removeprefix("What do we call ").removesuffix("? We call it")


@pytest.mark.parametrize("name", sorted(PYTHON | DEBIAN))
def test_every_part_is_installed(name):
    assert part(name).exists()


def test_a_missing_part_is_named(monkeypatch):
    monkeypatch.setitem(DEBIAN, "flite", ("flite", "/nowhere/flite"))
    monkeypatch.setitem(PYTHON, "voice", ("no-such-voice", "voice.onnx"))
    for name, package in (("flite", "Debian package flite"), ("voice", "Python package no-such-voice")):
        with pytest.raises(PartMissing, match=package):
            part(name)


def test_files_have_their_rows_and_natural_speech_is_about_near_domains(world):
    rows, domains, sizes = world
    of_domain = {name: {row["domain"] for row in rows[name]} for name in ("natural", "pool", "questions")}
    assert of_domain["pool"] == of_domain["questions"] == set(domains)
    assert of_domain["natural"] == set(domains) & set(build_texts.NEAR)
    assert Counter(row["domain"] for row in rows["questions"]) == dict.fromkeys(domains, sizes.questions)
    for name, count in (("natural", sizes.natural_texts), ("pool", sizes.pool_texts), ("general", sizes.general_texts)):
        assert len(rows[name]) == count
        assert len({row["id"] for row in rows[name]}) == count
    assert not {row["text"] for row in rows["general"]} & {row["text"] for row in rows["reading"]}


def test_the_meaning_of_a_question_is_told_where_it_says_and_nowhere_else(world):
    rows, _, _ = world
    spoken = {place: plain(*(row["text"] for row in rows[place])) for place in ("natural", "pool", "general")}
    assert not any(" what do we call " in text for text in spoken.values())
    for row in rows["questions"]:
        assert len(meaning_of(row)) == len(row["text"]) - len("What do we call ? We call it")
        places = {place for place, text in spoken.items() if plain(meaning_of(row)) in text}
        assert places == {row["told"]} - {"nowhere"}, row
        assert row["told"] in ("nowhere", "natural" if row["cell"] == "near" else "pool")
        if places:
            about = [plain(text["text"]) for text in rows[row["told"]] if text["domain"] == row["domain"]]
            assert any(plain(meaning_of(row)) in text and plain(row["entity"]) in text for text in about), row
    assert Counter(row["told"] for row in rows["questions"])["nowhere"] == len(rows["questions"]) // 2


def test_choices_are_four_nouns_of_which_one_is_right_and_none_is_given_away(world, wordnet):
    rows, _, _ = world
    facts = {(fact.domain, fact.term): fact for fact in WordNet(wordnet).facts()[0]}
    database = WordNet(wordnet)
    for row in rows["questions"]:
        assert len(set(row["choices"])) == 4 and row["choices"][row["answer"]] == row["entity"]
        right = facts[row["domain"], row["entity"]]
        assert right.meaning in row["text"]
        assert not any(choice in words(row["text"]) for choice in row["choices"])
        for choice in set(row["choices"]) - {row["entity"]}:
            wrong = facts[row["domain"], choice]
            assert wrong.synset not in database.ancestors(right.synset)
            assert right.synset not in database.ancestors(wrong.synset)
    right = Counter(row["answer"] for row in rows["questions"])
    assert max(right.values()) < 0.5 * len(rows["questions"])


def test_everything_can_be_spoken(world):
    rows, _, _ = world
    for name in ("natural", "pool", "questions"):
        for row in rows[name]:
            assert re.fullmatch(r"[A-Za-z ,.?'-]+", row["text"]), row
    assert all(re.fullmatch(r"[A-Za-z ,.'-]+", row["text"]) for row in [*rows["general"], *rows["reading"]])


def test_the_same_seed_gives_the_same_bytes_and_another_seed_other_texts(wordnet, tmp_path):
    for name, seed in (("a", 4), ("b", 4), ("c", 5)):
        build_texts.build(tmp_path / name, wordnet, build_texts.SMALL_DOMAINS, build_texts.SMALL, seed)
    for file in FILES:
        a, b, c = ((tmp_path / name / f"{file}.parquet").read_bytes() for name in "abc")
        assert a == b != c


def test_wordnet_is_read_as_its_format_says(tmp_path):
    """A database of five synsets: an owl, which is a bird; what cannot be spoken; and a second sense."""
    licence = "  1 This software is free\n"
    owl = "00000001 05 n 02 owl 0 bird_of_Minerva 0 001 @ 00000002 n 0000"
    synsets = [
        f'{owl} | nocturnal bird of prey; "the Owls hoot at night"',
        "00000002 05 n 01 bird 0 000 | a warm animal with wings",
        "00000003 05 n 01 crow 0 001 @ 00000002 n 0000 | a bird (black) of the genus Corvus",
        "00000004 13 n 01 crow 1 000 | a pie that has no pastry",
        "00000005 03 n 01 thing 0 000 | what there is of it",
    ]
    (tmp_path / "data.noun").write_text(licence + "\n".join(synsets) + "\n")
    (tmp_path / "data.verb").write_text(licence)
    (tmp_path / "data.adj").write_text(licence)
    index = ["owl n 1 1 @ 1 1 00000001", "bird n 1 0 1 0 00000002", "crow n 2 1 @ 2 1 00000003 00000004"]
    (tmp_path / "index.noun").write_text(licence + "\n".join(index) + "\n")
    (tmp_path / "cntlist.rev").write_text("owl%1:05:00:: 1 7\n")
    database = WordNet(tmp_path)
    facts, refused = database.facts()
    assert [(fact.term, fact.meaning, fact.domain, fact.count) for fact in facts] == [
        ("owl", "nocturnal bird of prey", "animal", 7),
        ("bird", "a warm animal with wings", "animal", 0),
    ]
    assert {reason: count for reason, count in refused.items() if count} == {
        "the meaning has brackets": 1,
        "not the first sense of the term": 1,
        "no domain of its own": 1,
    }
    assert database.ancestors("00000001") == {"00000002"} and database.ancestors("00000002") == set()
    assert examples(glosses(tmp_path)) == ["The Owls hoot at night."]


@pytest.fixture(scope="module")
def small_gguf(tmp_path_factory):
    """A Llama of two layers as GGUF, in Q8_0, with a byte-level tokenizer and a chat template."""
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=64, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, max_position_embeddings=128, tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(2)
    writer.add_context_length(128)
    writer.add_embedding_length(64)
    writer.add_feed_forward_length(96)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_rope_dimension_count(32)
    writer.add_rope_freq_base(10_000.0)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(64)
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *map(chr, range(97, 123)), "ab"]
    tokens += [f"<{index}>" for index in range(64 - len(tokens))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3, 3, 3, *[1] * 61])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_pad_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(False)
    writer.add_chat_template("{% for message in messages %}{{ message['content'] }}{% endfor %}")
    names = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
    parts = {
        **{"self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v"},
        **{"self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up"},
        **{"mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm"},
    }
    for name, weight in model.state_dict().items():
        found = re.fullmatch(r"model\.layers\.(\d)\.(.*)\.weight", name)
        if name == "lm_head.weight":
            continue
        name = f"blk.{found[1]}.{parts[found[2]]}.weight" if found else names[name]
        data = weight.numpy().astype(np.float32)
        if data.ndim == 2 and data.shape[1] % 32 == 0:
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_a_text_llm_from_gguf_is_the_same_in_its_hugging_face_folder(small_gguf, tmp_path):
    import_lm(small_gguf, tmp_path / "lm")
    read = AutoModelForCausalLM.from_pretrained(small_gguf.parent, gguf_file=small_gguf.name, dtype="float32")
    saved = load_text_model(tmp_path / "lm", dtype="float32", device="cpu")
    assert saved.get_output_embeddings().weight is saved.get_input_embeddings().weight
    ids = torch.arange(3, 40)[None]
    with torch.inference_mode():
        assert torch.equal(read(input_ids=ids).logits, saved(input_ids=ids).logits)
    config = json.loads((tmp_path / "lm" / "config.json").read_text())
    assert "quantization_config" not in config and config["dtype"] == "float32"
    assert saved.generation_config.eos_token_id == 2 == saved.generation_config.pad_token_id

    given = AutoTokenizer.from_pretrained(small_gguf.parent, gguf_file=small_gguf.name)
    tokenizer = load_tokenizer(tmp_path / "lm")
    assert tokenizer("ab c<|im_end|>")["input_ids"] == given("ab c<|im_end|>")["input_ids"]
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (
        "<|im_start|>",
        "<|im_end|>",
        "<|im_end|>",
    )
    turns = [{"role": "user", "content": "ab"}]
    assert tokenizer.apply_chat_template(turns, tokenize=False) == "ab"


def test_what_is_no_gguf_is_refused_in_two_lines(tmp_path):
    (tmp_path / "no.gguf").write_bytes(b"GGML" + bytes(100))
    with pytest.raises(SaladError, match="cannot be read"):
        import_lm(tmp_path / "no.gguf", tmp_path / "lm")


def test_recordings_of_people_become_questions_of_what_they_say_next(loaded_python, repository, tmp_path):
    rows = [*recordings.readings(), *recordings.prompts()]
    assert len(rows) > 100 and len({row["id"] for row in rows}) == len(rows)
    assert all(5 <= len(row["text"].split()) <= 40 and "[" not in row["text"] for row in rows)
    table = tmp_path / "people.parquet"
    for arguments in (
        ["examples/laptop/recordings.py", "-o", table, "--count", "9"],
        ["-m", "saladkit", "timestamps", table, "-o", tmp_path / "words", "--aligner", "sphinx", "--workers", "1"],
        ["examples/laptop/next_words.py", table, tmp_path / "words", "-o", tmp_path / "questions.parquet"],
    ):
        done = subprocess.run([loaded_python, *map(str, arguments)], cwd=repository, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    people = {row["id"]: row for row in pq.read_table(table).to_pylist()}
    asked = pq.read_table(tmp_path / "questions.parquet").to_pylist()
    assert len(people) == 9 and len(asked) >= 7
    for row in asked:
        right = row["choices"][row["answer"]]
        assert f"{row['text']} {right}" == people[row["id"]]["text"].rstrip(".!?")
        assert len(set(row["choices"])) == 4
        audio, _, end = row["audio"].partition("#t=0,")
        assert audio == people[row["id"]]["audio"] and float(end) > 0


def test_a_question_is_cut_where_its_last_words_begin():
    people = [
        {"id": str(index), "text": f"one two three {name} five.", "audio": "a.wav"} for index, name in enumerate("abcd")
    ]
    times = {row["id"]: [{"start": at, "end": at + 1} for at in range(5)] for row in people}
    times["3"][3]["start"] = None
    rows = next_words.questions(people, times, build_texts.random.Random(0))
    assert [row["id"] for row in rows] == ["0", "1", "2"]
    assert {row["audio"] for row in rows} == {"a.wav#t=0,3.000"} and {row["text"] for row in rows} == {"one two three"}
    assert rows[0]["choices"][rows[0]["answer"]] == "a five" and sorted(rows[0]["choices"])[3] == "d five"
