"""Settings of `report`."""

from dataclasses import dataclass, replace

from saladkit.settings.setting import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ReportSettings(Settings):
    """Settings of `report`: what the page shows of a run; what is not given is found in the manifests."""

    teacher: str | None = setting(
        None, metavar="FOLDER", help="Folder in RUN with the results of the text LLM.  [default: found]"
    )
    results: tuple[str, ...] = setting(
        (),
        option="--result",
        metavar="NAME=FOLDER",
        help="Name for the report, and folder in RUN, of a speech-adapted model's results; repeat for more."
        "  [default: all that answered the same questions]",
    )
    contrasts: tuple[tuple[str, str], ...] = setting(
        (),
        option="--contrast",
        metavar="NAME NAME",
        help="Names of two results to compare on the same questions: the first minus the second; repeat for more. The"
        " headline is about the first.  [default: each later result minus the first]",
    )
    speech: str | None = setting(
        None,
        metavar="FOLDER",
        help="Folder in RUN with the natural speech that the models were trained on. Its domains are the heard"
        " subjects; all other domains of the questions are unheard subjects.  [default: the data of Stage I]",
    )
    held_out: str | None = setting(
        None,
        metavar="TASK",
        help="Task whose questions are spoken by a held-out voice.  [default: one whose voices are all unheard]",
    )
    choices: tuple[str, ...] = setting(
        (),
        option="--choice",
        metavar="NAME=FOLDER",
        help="Name and folder in RUN of a selection strategy's results, to compare strategies; repeat for more. The"
        " first is the control.",
    )
    across: tuple[str, ...] = setting(
        (),
        metavar="RUN",
        help="Folder of another run of the same recipe with another seed; repeat for more. Results are then also given"
        " over seeds, with intervals that hold for other seeds.",
    )
    primary: str | None = setting(
        None,
        metavar="COLUMN",
        help="The headline is about the mean over the groups of this column of `eval --by`.  [default: about unheard"
        " subjects, where there are any]",
    )
    title: str = setting("saladkit", help="Heading of the page.")

    def alone(self) -> "ReportSettings":
        """Return the settings for a run of its own, beside the first: without other seeds and strategies."""
        return replace(self, across=(), choices=())
