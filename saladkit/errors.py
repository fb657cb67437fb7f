"""The one error that a user can cause."""


class SaladError(Exception):
    """A wrong input or setting: says what is wrong (with file and row) and what to do about it.

    The shell prints both lines and exits with code 2. Anything else that is raised is a bug of
    ours and keeps its traceback.
    """

    def __init__(self, problem: str, fix: str):
        super().__init__(f"{problem}\n{fix}")
        self.problem = problem
        self.fix = fix

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        """How it comes back from another process."""
        return type(self), (self.problem, self.fix)
