"""Time limits of programs and servers for one text: `limit=SECONDS` in a voice's name."""

from saladkit.errors import SaladError

SECONDS = 60.0  # the default
_LONGEST = 86_400  # s, a day


def parse_limit(text: str | None) -> float:
    """Return the limit in s; the default for None.

    Raises:
        SaladError: `text` is no number above 0 and up to a day.
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
