"""The one error that a user can cause, and how it quotes the errors of libraries."""


class SaladError(Exception):
    """A wrong input or setting.

    The command line prints both attributes, a line each, and exits with code 2. Any other exception is a bug and keeps
    its traceback.

    Attributes:
        problem: what is wrong, with file and row, without a final period.
        fix: what the user can do about it, as a sentence.
    """

    def __init__(self, problem: str, fix: str):
        self.problem, self.fix = (" ".join(text.splitlines()) for text in (problem, fix))  # libraries write several
        super().__init__(f"{self.problem}\n{self.fix}")

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """Let pickle rebuild the error from both arguments, so that it can come from another process."""
        return type(self), (self.problem, self.fix)


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, or the name of its type if it has no message."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]
