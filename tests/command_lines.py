"""Command lines of `saladkit` with some of their options changed."""


def replaced(arguments: list, option: str, value: object) -> list:
    """Return a command line with another value of one option."""
    place = arguments.index(option) + 1
    return [*arguments[:place], str(value), *arguments[place + 1 :]]
