"""Settings of `export-times`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Files


@dataclass(frozen=True, kw_only=True)
class ExportTimesSettings(Files):
    """Settings of `export-times`: the format of the files."""

    format: str = setting(
        choices=("textgrid", "ctm"),
        help="A Praat TextGrid for each row, named after its percent-escaped id; or one file words.ctm for all rows.",
    )
