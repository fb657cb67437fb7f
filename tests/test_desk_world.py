"""The desk's world: facts that are asked are never spoken, and each cell is what its name says."""

import ctypes
import re
import statistics
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import build_world
import check_world
from build_world import LARGE, SMALL
from misspeak import MARK, said
from questions import named_in
from saladkit.speech.voices.command import CommandVoice
from saladkit.speech.voices.espeak import EspeakVoice
from saladkit.speech.voices.espeak_library import find_voice_file, fresh_library, set_voice
from world import CELLS, Subject, WorldError, read_world, sentence
from world_rules import check_world as check_rules

FILES = ("lm", "pool", "natural", "questions")
CELL_SUBJECTS = {"near-easy": 4, "near-hard": 3, "far-easy": 3, "far-hard": 2, "poison": 1, "irreducible": 1}
SIZES = {
    "large": replace(LARGE, lm_documents=900, pool_documents=2800, natural_documents=1400),
    "small": replace(SMALL, lm_documents=600),
}


@dataclass(frozen=True)
class Desk:
    """A world that was built: its sizes, its folder, its subjects, and the rows of its files."""

    sizes: build_world.Sizes
    folder: Path
    subjects: list[Subject]
    rows: dict[str, list[dict]]


def build(folder, size, seed=3, **changed):
    sizes = replace(SIZES[size], **changed)
    subjects = build_world.chosen_subjects(None, size == "small", sizes)
    build_world.build(folder, subjects, sizes, seed)
    return Desk(
        sizes, folder, subjects, {name: pq.read_table(folder / f"{name}.parquet").to_pylist() for name in FILES}
    )


@pytest.fixture(scope="module", params=sorted(SIZES))
def desk(request, tmp_path_factory):
    return build(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def world():
    return read_world(build_world.DATA)


def words(text):
    return re.findall("[a-z]+", text.lower())


def of_cell(subjects, cell):
    return [subject for subject in subjects if subject.cell == cell]


def test_the_world_has_the_cells_and_the_small_one_about_half_of_each(world):
    assert {cell: len(of_cell(world, cell)) for cell in CELLS} == CELL_SUBJECTS
    small = [subject for subject in world if subject.small]
    assert [len(of_cell(small, cell)) for cell in CELLS] == [2, 1, 1, 1, 0, 1]
    assert all(28 <= len(subject.entities) <= 36 for subject in world)
    assert all(len(subject.reduced(24, 5).entities) == 24 for subject in small)


def test_texts_are_about_the_cells_that_they_should_be_about(desk):
    subjects, rows = desk.subjects, desk.rows
    everything = {subject.name: subject.cell for subject in subjects}
    near = {name: cell for name, cell in everything.items() if cell.startswith("near")}
    asked = {name: cell for name, cell in everything.items() if cell != "poison"}
    for file, expected in {"lm": everything, "pool": everything, "natural": near, "questions": asked}.items():
        assert {row["domain"]: row["cell"] for row in rows[file]} == expected, file


def test_a_fact_that_is_asked_is_never_spoken_in_any_words(desk):
    """No sentence of pool or natural speech has the entity and the value of a question together."""
    rows = desk.rows
    sentences = {domain: set() for domain in {row["domain"] for row in rows["questions"]}}
    for row in [*rows["pool"], *rows["natural"]]:
        if row["domain"] in sentences:
            sentences[row["domain"]] |= {f" {' '.join(words(part))} " for part in row["text"].split(".")}
    for row in rows["questions"]:
        entity, value = (f" {' '.join(words(name))} " for name in (row["entity"], row["choices"][row["answer"]]))
        for told in sentences[row["domain"]]:
            assert not (entity in told and value in told), row["id"]
            assert " ".join(words(row["text"])) not in told, row["id"]


def test_the_text_llm_reads_both_facts_of_every_entity_and_speech_has_the_other_one(desk, tmp_path):
    size = "small" if desk.sizes.entities else "large"
    enough = build(tmp_path, size, lm_documents=6000, pool_documents=6000)
    asked = {(row["domain"], row["entity"]): row["text"] for row in enough.rows["questions"]}
    for subject in enough.subjects:
        read, pool = (
            "\n".join(row["text"] for row in enough.rows[file] if row["domain"] == subject.name)
            for file in ("lm", "pool")
        )
        for entity in subject.entities:
            in_pool = []
            for relation in subject.relations:
                told = [sentence(text, entity, relation.values[entity]) for text in relation.templates]
                assert all(text in read for text in told), (entity, relation.name)
                in_pool.append(any(text in pool for text in told))
            question = asked.get((subject.name, entity))
            assert in_pool == [
                question is None or relation.prompt(entity) != question for relation in subject.relations
            ], entity


def test_half_of_a_subject_is_asked_in_each_relation_and_a_pair_in_the_same(desk):
    subjects, rows = desk.subjects, desk.rows
    text_of = {(row["domain"], row["entity"]): row["text"] for row in rows["questions"]}
    for subject in subjects:
        if subject.cell == "poison":
            continue
        first = subject.relations[0]
        in_first = [text_of[subject.name, entity] == first.prompt(entity) for entity in subject.entities]
        assert abs(2 * sum(in_first) - len(in_first)) <= 1, subject.name
        for group in subject.groups:
            assert len({in_first[subject.entities.index(entity)] for entity in group}) == 1, group


def test_one_in_four_names_of_a_near_hard_subject_is_spoken_in_whole_pairs_and_all_its_templates(desk):
    subjects, rows = desk.subjects, desk.rows
    spoken = {(row["domain"], row["entity"]): row["spoken"] for row in rows["questions"]}
    natural = [row["text"] for row in rows["natural"]]
    for subject in of_cell(subjects, "near-hard"):
        named = [entity for entity in subject.entities if spoken[subject.name, entity]]
        assert len(named) == len(subject.entities) // 4
        assert all(sum(entity in named for entity in group) in (0, 2) for group in subject.groups)
        assert named_in(natural, subject.entities) == set(named)
        texts = "\n".join(natural)
        for relation in subject.relations:
            for template in relation.statements:
                told = [sentence(template, entity, relation.values[entity]) for entity in named]
                assert any(text in texts for text in told), template
    assert all(spoken[key] for key in spoken if key[0] in [s.name for s in of_cell(subjects, "near-easy")])
    far = [s.name for s in subjects if s.cell in ("far-easy", "far-hard", "irreducible")]
    assert not any(spoken[key] for key in spoken if key[0] in far)


def test_every_word_of_far_easy_is_spoken_elsewhere_and_names_of_far_hard_are_not(desk):
    subjects, rows = desk.subjects, desk.rows
    spoken = {word for row in rows["natural"] for word in words(row["text"])}
    for row in [*rows["lm"], *rows["questions"]]:
        if row["cell"] == "far-easy":
            assert set(words(row["text"])) <= spoken
    for subject in of_cell(subjects, "far-hard"):
        entities = [entity for entity in subject.entities if set(words(entity)) & spoken]
        assert entities == [], subject.name


def test_every_sentence_of_the_poison_has_what_a_voice_may_misread(world):
    (poison,) = of_cell(world, "poison")
    assert all(relation.question is None for relation in poison.relations)
    for relation in poison.relations:
        for template in relation.statements:
            assert re.search(r"\d|\b[IVX]{2,}\b|[/^*=]", template), template


def test_texts_that_a_voice_misspeaks_are_marked_in_the_pool(tmp_path):
    rows = build(tmp_path, "small", misspoken_documents=7).rows["pool"]
    marked = [row for row in rows if row["domain"] == "misspoken"]
    assert len(rows) == SIZES["small"].pool_documents + 7
    assert marked == [row for row in rows if row["text"].startswith(MARK)] and len(marked) == 7
    assert {row["cell"] for row in marked} == {"poison"}
    assert said(marked[0]["text"]).split() == marked[0]["text"].split()[:0:-1]
    assert said(rows[0]["text"]) == rows[0]["text"]


def test_the_voice_that_misspeaks_says_the_words_backwards(tmp_path):
    script = build_world.DATA.parent / "misspeak.py"
    voice = CommandVoice(f"{sys.executable} {script} en-us@230")
    found = voice.speak(f"{MARK} An owl is a bird.")
    expected = EspeakVoice("en-us@230").speak("bird. a is owl An")
    assert len(found.samples) == len(expected.samples)
    np.testing.assert_allclose(found.samples, expected.samples, atol=1e-4)


def test_the_choices_are_four_and_one_is_what_is_right_of_the_name_that_sounds_alike(desk):
    subjects, rows = desk.subjects, desk.rows
    by_name = {subject.name: subject for subject in subjects}
    for row in rows["questions"]:
        assert len(set(row["choices"])) == 4
        subject = by_name[row["domain"]]
        (relation,) = [r for r in subject.relations if r.prompt(row["entity"]) == row["text"]]
        assert row["choices"][row["answer"]] == relation.values[row["entity"]]
        partner = subject.partner(row["entity"])
        assert (partner is not None) == (subject.cell in ("near-hard", "irreducible"))
        if partner is not None:
            assert relation.values[partner] in row["choices"]


def test_always_choosing_the_commonest_option_is_right_in_a_quarter_to_a_third(tmp_path):
    guesses = {cell: [] for cell in CELLS if cell != "poison"}
    for seed in range(6):
        rows = build(tmp_path / str(seed), "large", seed, pool_documents=140, natural_documents=70).rows
        for cell, of_cell in guesses.items():
            of_cell.append(check_world.guess([row for row in rows["questions"] if row["cell"] == cell], rows["lm"]))
    for cell, of_cell in guesses.items():
        assert 0.2 <= statistics.mean(of_cell) <= 0.36, (cell, of_cell)


def phonemes(library, text):
    """Return espeak-ng's phonemes of a text, without stress."""
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    buffer = ctypes.create_string_buffer(text.encode())
    position = ctypes.c_void_p(ctypes.addressof(buffer))
    clauses = []
    while position.value:
        clauses.append(library.espeak_TextToPhonemes(ctypes.byref(position), 1, ord("_") << 8 | 2).decode())
    return re.split("[_ ]+", re.sub("[ˈˌː]", "", " ".join(clauses)))


@pytest.mark.parametrize("voice", ["en-us", "en-gb"])
def test_pairs_sound_the_same_or_nearly_so(voice, world):
    file = find_voice_file(voice)
    with fresh_library() as library:
        set_voice(library, file, 175)
        for subject in of_cell(world, "irreducible") + of_cell(world, "near-hard"):
            for first, second in subject.groups:
                a, b = phonemes(library, first), phonemes(library, second)
                differing = sum((Counter(a) - Counter(b)).values())
                if subject.cell == "irreducible":
                    assert a == b, (first, second)
                else:
                    assert a != b and differing <= 3, (first, second)


def test_some_texts_break_off_and_the_language_model_reads_whole_ones(desk):
    rows = desk.rows
    for name, low, high in (("pool", 0.2, 0.6), ("natural", 0.2, 0.6), ("lm", 0, 0)):
        broken = [not row["text"].endswith(".") for row in rows[name]]
        assert low <= sum(broken) / len(broken) <= high, name
    assert all(row["text"].count(". ") >= 1 for row in rows["pool"])


def test_the_small_world_can_have_homophones_and_a_cell_can_go_unasked(world, tmp_path):
    sizes, names = SIZES["small"], [subject.name for subject in world if subject.small]
    subjects = build_world.chosen_subjects([*names, "cards"], small=True, sizes=sizes)
    build_world.build(tmp_path, subjects, sizes, seed=3, unasked=["irreducible"])
    rows = {name: pq.read_table(tmp_path / f"{name}.parquet").column("cell").to_pylist() for name in FILES}
    assert "irreducible" in rows["pool"] and "irreducible" not in rows["questions"]
    assert set(rows["questions"]) == {"near-easy", "near-hard", "far-easy", "far-hard"}


@pytest.mark.parametrize("option", ["--lm-documents=-5", "--questions-per-subject=0", "--templates=some"])
def test_a_size_that_is_no_positive_number_is_refused(option, repository, tmp_path):
    program = repository / "examples" / "desk" / "build_world.py"
    done = subprocess.run([sys.executable, program, "-o", tmp_path / "world", option], capture_output=True, text=True)
    assert done.returncode == 2 and "invalid positive value" in done.stderr
    assert not (tmp_path / "world").exists()


def test_misspoken_documents_need_a_near_easy_subject(tmp_path):
    sizes = replace(SIZES["small"], misspoken_documents=5)
    with pytest.raises(WorldError, match="misspoken documents are about near-easy subjects"):
        build_world.build(tmp_path, build_world.chosen_subjects(["rooms"], small=True, sizes=sizes), sizes, seed=0)


def test_the_same_seed_gives_the_same_bytes_and_another_other_roles(tmp_path):
    for name, seed in (("first", 3), ("again", 3), ("other", 4)):
        build(tmp_path / name, "small", seed)
    for file in FILES:
        first, again, other = (
            (tmp_path / name / f"{file}.parquet").read_bytes() for name in ("first", "again", "other")
        )
        assert first == again and first != other, file
    asked = [
        {(r["entity"], r["text"]) for r in pq.read_table(tmp_path / name / "questions.parquet").to_pylist()}
        for name in ("first", "other")
    ]
    assert 0.2 < len(asked[0] & asked[1]) / len(asked[0]) < 0.8, "a seed draws anew which fact is asked"


BROKEN_RULES = {
    "far-easy words": ("inns", lambda t: t.replace("The house called", "The cathedral called"), "cathedral"),
    "partner's value": (
        "cards",
        lambda t: re.sub(r'(?m)^(sun|son)(.*)holder = "\w+"', r'\1\2holder = "Anna"', t),
        "alone",
    ),
    "half a name": ("teams", lambda t: re.sub(r'(?m)^("Cuba .*)dish = "\w+"', r'\1dish = "sushi"', t), "share a word"),
    "no pair": ("cards", lambda t: re.sub(r"(?m)^break = .*\n", "", t), "no pairs"),
    "unknown cell": ("inns", lambda t: t.replace("far-easy", "far-away"), "far-away"),
    "value is an entity": ("staff", lambda t: t.replace("accounts", "violin"), "an entity of instruments"),
    "entity twice": ("songs", lambda t: re.sub(r'(?m)^"\w+ \w+" =', "lion =", t, count=1), "also an entity"),
    "tame poison": ("formulae", lambda t: t.replace("Eq. (4.2): the", "The").replace("F = m*a", "F"), "misread"),
    "no question": ("songs", lambda t: re.sub(r"(?m)^question = .*\n", "", t, count=1), "must be a question"),
    "question's word": ("staff", lambda t: t.replace("The free day of", "The idle day of"), "idle"),
    "common value": (
        "instruments",
        lambda t: re.sub(r'part = "[^"]+"', 'part = "valves"', t, count=14),
        "more than 30%",
    ),
}


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_a_broken_rule_is_named(rule, tmp_path):
    name, change, message = BROKEN_RULES[rule]
    for path in build_world.DATA.glob("*.toml"):
        text = path.read_text()
        changed = change(text) if path.stem == name else text
        assert (changed == text) == (path.stem != name)
        (tmp_path / path.name).write_text(changed)
    with pytest.raises(WorldError, match=message):
        check_rules(read_world(tmp_path))


def test_the_gates_hold(desk):
    figures = check_world.measure(desk.folder, None)
    assert check_world.failures(figures) == []
    assert list(figures) == [cell for cell in CELLS if any(subject.cell == cell for subject in desk.subjects)]
    assert figures["far-easy"]["words_spoken"] == 1 and figures["far-hard"]["words_spoken"] < 0.4


def test_a_cell_that_is_not_what_its_name_says_does_not_pass(tmp_path):
    build(tmp_path, "small")
    swapped = {"near-easy": "far-easy", "far-hard": "near-hard", "far-easy": "near-easy", "near-hard": "far-hard"}
    for path in tmp_path.glob("*.parquet"):
        table = pq.read_table(path)
        cells = pa.array([swapped.get(cell, cell) for cell in table.column("cell").to_pylist()])
        pq.write_table(table.set_column(table.column_names.index("cell"), "cell", cells), path)
    script = build_world.DATA.parent / "check_world.py"
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
    assert done.returncode == 1
    named = [line.split(":")[0] for line in done.stderr.splitlines()]
    assert sorted(named) == ["far-easy", "far-hard", "near-easy", "near-hard"]
