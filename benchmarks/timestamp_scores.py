"""Measure how well PocketSphinx's score separates right texts from wrong ones, and how much time the score costs.

Utterances have 2 to 16 words and are spoken by eight voices of espeak-ng. A wrong text is the text of the utterance
before.
"""

from functools import partial

from saladkit.errors import SaladError
from saladkit.settings.timestamps import LOW_SCORE
from saladkit.speech.aligners.aligner import Aligner, Recording, open_aligner
from saladkit.speech.voices.voice import open_voice
from sentences import paragraphs
from side_by_side import arguments, emit, run_pairs

COUNTS = {"base": 320, "tiny": 4}
VOICES = ("en-us", "en-us+f3", "en-us+m7", "en-us+m1", "en-us@250", "en-gb+m3", "en-gb+f2", "en-gb-scotland")
LENGTHS = range(16, 1, -1)
TIMED = 30  # utterances for the comparison of speed
FEW = 4  # words; `few_words` is the figure of texts with at most this many


def main() -> None:
    """Print a line for right texts, one for wrong texts and one for speed."""
    options = arguments(__doc__, shape="base").parse_args()
    heard = utterances(COUNTS[options.shape])
    aligner = open_aligner("sphinx")
    common = {"target": None, "device": "cpu", "shape": options.shape}
    kept = [fits(aligner, recording) for recording in heard]
    shifted = [Recording(one.samples, one.sample_rate, heard[row - 1].text) for row, one in enumerate(heard)]
    caught = [not fits(aligner, recording) for recording in shifted]
    for name, told, texts in (
        ("right texts kept", kept, heard),
        ("wrong texts refused or flagged", caught, shifted),
    ):
        of_few = [one for one, recording in zip(told, texts, strict=True) if len(recording.text.split()) <= FEW]
        name = f"timestamps, sphinx: {name} by a score of {LOW_SCORE}"
        counts = {"texts": len(told), "few_words": _percent(of_few), "texts_of_few_words": len(of_few)}
        emit(name, ours=_percent(told), theirs=None, unit="%", ratio=None, **common, **counts)
    timed = heard[:TIMED]
    seconds = sum(len(recording.samples) / recording.sample_rate for recording in timed)
    unscored = open_aligner("sphinx", scored=False)
    found = run_pairs(partial(aligner.align, timed), partial(unscored.align, timed), options.pairs, "cpu")
    emit(
        "timestamps, sphinx: with scores against without, one core",
        ours=seconds / found.ours,
        theirs=seconds / found.theirs,
        unit="s/s",
        ratio=found.speedup,
        **common,
        pairs=found.pairs,
        recordings=len(timed),
    )


def utterances(count: int) -> list[Recording]:
    """Speak texts of prose; lengths and voices take turns."""
    texts = [[word for word in text.split() if word.isalpha()] for text in paragraphs(8 * count)]
    long_enough = [words for words in texts if len(words) >= max(LENGTHS)][:count]
    said = [" ".join(words[: LENGTHS[row % len(LENGTHS)]]) for row, words in enumerate(long_enough)]
    spoken = [open_voice(f"espeak:{VOICES[row % len(VOICES)]}").speak(text) for row, text in enumerate(said)]
    return [Recording(one.samples, one.sample_rate, text) for one, text in zip(spoken, said, strict=True)]


def fits(aligner: Aligner, recording: Recording) -> bool:
    """Return whether a recording can be aligned with its text and is not flagged."""
    (found,) = aligner.align([recording])
    return not isinstance(found, SaladError) and found.score >= LOW_SCORE


def _percent(told: list[bool]) -> float | None:
    return 100 * sum(told) / len(told) if told else None


if __name__ == "__main__":
    main()
