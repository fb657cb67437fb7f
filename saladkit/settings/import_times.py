"""Settings of `import-times`."""

from dataclasses import dataclass

from saladkit.settings.setting import setting
from saladkit.settings.shared import Columns, Files


@dataclass(frozen=True, kw_only=True)
class ImportTimesSettings(Columns, Files):
    """Settings of `import-times`: where the times are."""

    times: str = setting(
        metavar="KIND:PATH",
        recorded=False,
        help="Format and path (file or folder) of the times. Formats: ctm (NeMo, Kaldi), textgrid (Praat, MFA),"
        " lhotse, whisperx.",
    )
