"""How long a program or a server may take for one text: `limit=SECONDS` in a voice's name."""

from saladkit.errors import SaladError

SECONDS = 60.0  # unless a name says otherwise
_LONGEST = 86_400


def parse_limit(text: str | None) -> float:
    """Seconds, the default for None.

    Raises:
        SaladError: no number above 0, or more than a day.
    """
    if text is None:
        return SECONDS
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _LONGEST:
        raise SaladError(
            f"limit={text} is no number of seconds above 0 and up to {_LONGEST}",
            f"Write limit=SECONDS, such as limit={SECONDS:g}.",
        )
    return seconds
