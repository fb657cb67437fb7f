"""Colours of the page and the charts: the palette of Okabe and Ito, which colour-blind readers can tell apart.

Charts are drawn in the light colours. In the page every colour is a CSS variable of its name, so that charts follow the
reader's light or dark theme.
"""

from collections.abc import Iterable

LIGHT = {
    "page": "#fbfaf8",
    "card": "#ffffff",
    "ink": "#1d2127",
    "soft": "#5c6470",
    "line": "#e3e1dc",
    "control": "#8b8d90",
    "grey": "#9aa1ab",
    "orange": "#e69f00",
    "blue": "#0072b2",
    "green": "#009e73",
    "pink": "#cc79a7",
    "vermilion": "#d55e00",
    "sky": "#56b4e9",
    "slate": "#8b93a0",
    "right": "#00755a",
}
DARK = {
    "page": "#14171b",
    "card": "#1b1f24",
    "ink": "#e8e9eb",
    "soft": "#a0a8b3",
    "line": "#2e343c",
    "control": "#727a85",
    "grey": "#7d8590",
    "orange": "#e8ab2c",
    "blue": "#4aa3e0",
    "green": "#2bbd93",
    "pink": "#d993b8",
    "vermilion": "#ea8045",
    "sky": "#56b4e9",
    "slate": "#858d99",
    "right": "#45c9a1",
}
SERIES = ("grey", "orange", "blue", "green", "pink", "vermilion")


def series_colours(names: Iterable[str], first: int = 0) -> dict[str, str]:
    """Return a colour for each series, in order from number `first` on; more than six series repeat the colours."""
    return {name: SERIES[index % len(SERIES)] for index, name in enumerate(names, first)}
