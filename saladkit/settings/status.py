"""Settings of `status`."""

from dataclasses import dataclass

from saladkit.settings.setting import Settings, setting


@dataclass(frozen=True, kw_only=True)
class StatusSettings(Settings):
    """Settings of `status`: how it prints."""

    as_json: bool = setting(False, option="--json", recorded=False, help="Print one JSON object instead of a table.")
