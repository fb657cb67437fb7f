"""What is wrong with audio that cannot be believed, in words that follow "the audio"."""

TOLERANCE = 0.05  # s: a smaller difference is a rounded header, or the last frame of an MP3 file


class DamagedAudio(Exception):
    """The audio is not whole, or cannot be read; `problem` follows the words "the audio"."""

    fix = "Copy the whole recording from its source, or remove the row."

    def __init__(self, problem: str):
        super().__init__(problem)
        self.problem = problem

    @classmethod
    def cut_short(cls, ends: float, promised: float) -> "DamagedAudio":
        """Return the damage of a recording that ends after `ends` of `promised` s."""
        return cls(f"was cut short: it ends after {ends:.2f} s of the {promised:.2f} s that its header promises")
