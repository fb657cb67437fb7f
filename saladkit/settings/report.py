"""Settings of `report`."""

from dataclasses import dataclass

from saladkit.settings.setting import Settings, setting


@dataclass(frozen=True, kw_only=True)
class ReportSettings(Settings):
    """What is shown of a run."""

    teacher: str = setting(help="Results folder of the text LLM, below RUN.")
    results: tuple[str, ...] = setting(
        option="--result",
        metavar="NAME=FOLDER",
        help="Results of a speech-adapted model, below RUN; repeat for more.",
    )
    contrast: tuple[str, str] | None = setting(
        None, metavar="NAME NAME", help="Two results to compare, paired: the first minus the second."
    )
    speech: str = setting(help="The natural speech, below RUN: its domains are the heard ones.")
    held_out: str = setting(help="Task whose questions a held-out voice speaks.")
    choices: tuple[str, ...] = setting(
        (),
        option="--choice",
        metavar="NAME=FOLDER",
        help="Results of a selection strategy, below RUN, to compare; the first is the control; repeat for more.",
    )
    across: tuple[str, ...] = setting(
        (), metavar="RUN", help="Run of another seed with the same choices; repeat for more."
    )
    title: str = setting("saladkit", help="Heading of the page.")
