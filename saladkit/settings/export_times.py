"""Settings of `export-times`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Files


@dataclass(frozen=True, kw_only=True)
class ExportTimesSettings(Files):
    """Settings of `export-times`: the format of the files."""

    format: str = setting(
        choices=("textgrid", "ctm"),
        help="textgrid: a Praat TextGrid for each row, named after the percent-escaped id; ctm: one file, words.ctm.",
    )
