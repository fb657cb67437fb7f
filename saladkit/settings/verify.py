"""Settings of `verify`."""

from dataclasses import dataclass

from saladkit.settings.setting import Settings, setting


@dataclass(frozen=True, kw_only=True)
class VerifySettings(Settings):
    """Settings of `verify`: what happens to damaged parts."""

    reopen: bool = setting(
        False,
        recorded=False,
        help="Remove damaged parts, and make FOLDER unfinished again: the command that made it then makes only these.",
    )
