"""Settings of `export-times`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Files


@dataclass(frozen=True, kw_only=True)
class ExportTimesSettings(Files):
    """Which files are written."""

    format: str = setting(
        choices=("textgrid", "ctm"),
        help="One Praat TextGrid per row, named after the percent-escaped id; or words.ctm, one file for all rows.",
    )
