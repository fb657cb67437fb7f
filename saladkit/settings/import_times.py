"""Settings of `import-times`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Columns, Files


@dataclass(frozen=True, kw_only=True)
class ImportTimesSettings(Columns, Files):
    """Where the times are."""

    times: str = setting(
        metavar="KIND:PATH",
        recorded=False,
        help="Times that another tool found: ctm (NeMo, Kaldi), textgrid (Praat, MFA), lhotse or whisperx, and its file"
        " or folder.",
    )
