"""HTML and SVG elements as values: what is not markup already is escaped."""

from html import escape

VOID = frozenset({"meta", "br"})


class Markup(str):
    """Text that is markup and is not escaped again."""


Child = str | Markup | None


def join(children: list[Child]) -> Markup:
    """Children one after another; plain text is escaped, None is nothing."""
    parts = [child if isinstance(child, Markup) else escape(child) for child in children if child is not None]
    return Markup("".join(parts))


def tag(name: str, /, *children: Child, **attributes: str | int | float | None) -> Markup:
    """One element. Attributes: `class_` -> `class`, `stroke_width` -> `stroke-width`; None leaves one out."""
    written = []
    for key, value in attributes.items():
        if value is None:
            continue
        text = f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
        written.append(f' {key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    opening = f"<{name}{''.join(written)}>"
    return Markup(opening if name in VOID else f"{opening}{join(list(children))}</{name}>")


def table(heads: list[Child], rows: list[list[Child]], class_: str | None = None) -> Markup:
    """A table in a box of its own that scrolls; the first cell of a row is its head."""
    head = tag("tr", *(tag("th", cell, scope="col") for cell in heads))
    body = [tag("tr", tag("th", row[0], scope="row"), *(tag("td", cell) for cell in row[1:])) for row in rows]
    whole = tag("table", tag("thead", head), tag("tbody", *body), class_=class_)
    return tag("div", whole, class_="scroll", tabindex=0)
