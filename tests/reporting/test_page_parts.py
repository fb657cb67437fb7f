"""Lost questions, voices, misalignment curves and versions, against slow twins."""

import importlib
import pkgutil

import pytest
from written_run import HEARD, HELD_OUT, MODELS, READ, SETTINGS, write_gap, write_run

import saladkit.formats
from saladkit.formats.versions import VERSIONS
from saladkit.reporting.accuracy_by_voice import voice_rows
from saladkit.reporting.arguments import named_folders
from saladkit.reporting.inventory import Inventory
from saladkit.reporting.lost_items import lost_items, spread
from saladkit.reporting.misalignment_curve import misalignment_curve
from saladkit.reporting.recordings import addresses_of
from saladkit.reporting.run_answers import read_run
from saladkit.reporting.side_by_side import run_names
from saladkit.settings.report import ReportSettings


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    run = tmp_path_factory.mktemp("answers")
    write_run(run)
    settings = ReportSettings(**SETTINGS)
    return read_run(run, named_folders(settings.results), settings)


def bits(answered):
    return [bit == "1" for bit in answered.replace(" ", "")]


def test_a_question_is_lost_if_text_gets_it_right_and_a_model_gets_it_wrong_as_speech(answers):
    # Questions in the order of written_run, whose items are sorted by id: capitals, then organs.
    keys = [(task, id_) for task, id_ in answers.items.keys]
    expected = []
    for place, (_, id_) in enumerate(keys):
        heard = {name: bits(HEARD[folder])[place] for name, folder in MODELS.items()}
        if bits(READ["teacher"])[place] and not all(heard.values()):
            expected.append((id_, heard))
    found = lost_items(answers)
    assert found.total == len(expected) == len(found.rows) == found.played
    for row, (id_, heard) in zip(found.rows, expected, strict=True):
        assert row.id == id_ and {name: of.right for name, of in row.answers.items()} == heard
        assert row.right == ["one & only", "two", "three", "four"][int(id_[-3:]) % 4]
        for name, of in row.answers.items():
            assert (of.words == row.right) is heard[name]
            place = [key[1] for key in keys].index(id_)
            assert of.right_as_text is bits(READ[MODELS[name]])[place]


@pytest.mark.parametrize(
    "most, expected", [(0, []), (1, [0]), (3, [0, 3, 6]), (10, list(range(10))), (99, list(range(10)))]
)
def test_keys_are_spread_evenly(most, expected):
    keys = [("task", str(place)) for place in range(10)]
    assert [int(id_) for _, id_ in spread(keys, most)] == expected


def test_recordings_stop_where_the_page_has_no_room(answers):
    keys = answers.items.keys
    whole = addresses_of(answers.inventory, answers.models[0], keys, 10**9)
    one = len(next(iter(whole.values()))) * 3 // 4  # bytes of a recording, of which base64 makes 4/3
    some = addresses_of(answers.inventory, answers.models[0], keys, 3 * one)
    assert len(whole) == len(keys) and 2 <= len(some) <= 3
    assert all(whole[key] == address for key, address in some.items())


def test_voices_have_the_accuracy_of_their_questions(answers):
    first, held = voice_rows(answers)
    assert (first.speaker, first.held_out, first.items) == ("espeak:en-us", False, 8)
    assert (held.speaker, held.held_out, held.read) == ("espeak:en-gb", True, None)
    for name, folder in MODELS.items():
        assert first.accuracies[name].value == pytest.approx(sum(bits(HEARD[folder])) / 8)
        assert held.accuracies[name].value == pytest.approx(sum(bits(HELD_OUT[folder])) / 8)


def test_misalignment_is_by_the_training_of_the_checkpoints_that_were_measured_alike(tmp_path):
    write_run(tmp_path)
    assert misalignment_curve(Inventory(tmp_path)) is None, "tables that do not say how much was trained"
    for amount, (name, values) in enumerate({"a": [1.0, 2.0], "b": [0.5, 0.7]}.items(), 1):
        write_gap(
            tmp_path / "curve" / name, tmp_path / "active", tmp_path / "questions", values, trained_on=1000 * amount
        )
    curve = misalignment_curve(Inventory(tmp_path))
    assert [(point.name, point.positions) for point in curve.points] == [("a", 1000), ("b", 2000)]
    assert [point.misalignment.value for point in curve.points] == pytest.approx([1.5, 0.6])
    assert curve.spans and curve.law is None


def test_every_format_has_its_version():
    modules = [
        importlib.import_module(f"saladkit.formats.{found.name}")
        for found in pkgutil.iter_modules(saladkit.formats.__path__)
    ]
    stated = {module.SCHEMA: module.VERSION for module in modules if hasattr(module, "SCHEMA")}
    assert stated == VERSIONS


def test_runs_have_the_shortest_names_that_tell_them_apart(tmp_path):
    places = [tmp_path / "a" / "x", tmp_path / "b" / "x", tmp_path / "c" / "y"]
    assert run_names(places[:1] + places[2:]) == ["x", "y"]
    assert run_names(places) == ["a/x", "b/x", "c/y"]
