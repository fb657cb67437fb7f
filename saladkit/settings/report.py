"""Settings of `report`."""

from dataclasses import dataclass

from saladkit.settings.setting import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ReportSettings(Settings):
    """Settings of `report`: what the page shows of a run."""

    teacher: str = setting(help="Results folder of the text LLM, below RUN.")
    results: tuple[str, ...] = setting(
        option="--result",
        metavar="NAME=FOLDER",
        help="Results of a speech-adapted model, below RUN; repeat for more.",
    )
    contrast: tuple[str, str] | None = setting(
        None, metavar="NAME NAME", help="Two results to compare on the same items: the first minus the second."
    )
    speech: str = setting(help="The natural speech, below RUN; its domains are the heard subjects.")
    held_out: str = setting(help="Task with questions in a held-out voice.")
    choices: tuple[str, ...] = setting(
        (),
        option="--choice",
        metavar="NAME=FOLDER",
        help="Results of a selection strategy, below RUN, to compare; repeat for more. The first one is the control.",
    )
    across: tuple[str, ...] = setting(
        (), metavar="RUN", help="Run of the same strategies with another seed; repeat for more."
    )
    title: str = setting("saladkit", help="Heading of the page.")
