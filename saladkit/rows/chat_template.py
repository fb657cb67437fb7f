"""The chat template of a tokenizer: conversations as text, the same at every time and in every process."""

import re
from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from typing import Any

from transformers import PreTrainedTokenizerBase

from saladkit.errors import SaladError, first_line
from saladkit.formats.digests import digest_bytes
from saladkit.formats.messages import Turn

# Templates such as Llama 3's write today's date; here it is always the day that Llama 3.1's writes if it knows none.
TODAY = datetime(2024, 7, 26)
_CLOCK = re.compile(r"""strftime_now\(\s*(["'])(?P<format>[^"']*)\1\s*\)""")
_CONTENT = "\ue003"  # stands for any content; this character is in no text
_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")


class ChatTemplate:
    """Lays out turns by the chat template of a tokenizer.

    Attributes:
        tokenizer: has the template.
        text: the template itself.
        name: the model's folder or name, for errors.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        """Find the template.

        Raises:
            SaladError: the tokenizer has none, or one whose date cannot be fixed.
        """
        self.tokenizer, self.name = tokenizer, tokenizer.name_or_path or "the model"
        try:
            self.text = tokenizer.get_chat_template()
        except ValueError as error:
            raise SaladError(
                f"the tokenizer of {self.name} has no chat template, so a conversation cannot be laid out",
                "Give an instruct model, or put its chat_template.jinja into the model's folder.",
            ) from error
        self._dated = _CLOCK.sub(lambda call: repr(TODAY.strftime(call["format"])), self.text)
        if "strftime_now(" in self._dated:
            raise SaladError(
                f"the chat template of {self.name} asks for the time in a way that cannot be fixed, so that the same"
                " conversation would have other tokens tomorrow",
                'Write the format of the date into the template, as in strftime_now("%d %b %Y").',
            )

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the template's text, in hexadecimal."""
        return digest_bytes(self.text.encode())

    @property
    def marks_generation(self) -> bool:
        """Whether the template says itself which tokens the assistant writes, by `{% generation %}`."""
        return _GENERATION.search(self.text) is not None

    def render(self, turns: Sequence[Turn], where: str, *, generation_prompt: bool = False) -> str:
        """Return turns as text, special tokens included.

        Args:
            where: the row, for errors.
            generation_prompt: whether the beginning of an assistant's turn follows.

        Raises:
            SaladError: the template refuses the conversation.
        """
        return self._apply(turns, where, add_generation_prompt=generation_prompt, tokenize=False)

    def generated(self, turns: Sequence[Turn], where: str) -> tuple[list[int], list[int]]:
        """Return the token ids of turns, and which of them the template marks by `{% generation %}`: 0 or 1 each.

        Raises:
            SaladError: as `render`.
        """
        found = self._apply(turns, where, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
        return found["input_ids"], found["assistant_masks"]

    def check_contents(self, turns: Sequence[Turn], where: str) -> None:
        """Check that no content has a special token of the tokenizer: it would end or begin a turn.

        Raises:
            SaladError: a content has one.
        """
        for turn in turns:
            if self._special is not None and (found := self._special.search(turn.content)):
                raise SaladError(
                    f"{where} has the special token {found[0]} in a turn of the {turn.role}",
                    "Remove it from the content: the chat template writes the special tokens.",
                )

    @cached_property
    def end_of_turn(self) -> int | None:
        """The special token that ends the assistant's turn, such as <|im_end|>; None if there is none."""
        turns = [Turn("user", _CONTENT), Turn("assistant", _CONTENT)]
        after = self.render(turns, "a conversation").rpartition(_CONTENT)[2]
        ids = self.tokenizer(after, add_special_tokens=False)["input_ids"]
        return next((id_ for id_ in ids if id_ in self.special_ids), None)

    @cached_property
    def special_ids(self) -> set[int]:
        """The ids of the special tokens."""
        return {id_ for id_, token in self.tokenizer.added_tokens_decoder.items() if token.special}

    @cached_property
    def _special(self) -> re.Pattern | None:
        special = [token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        return re.compile("|".join(map(re.escape, special))) if special else None

    def _apply(self, turns: Sequence[Turn], where: str, **how: Any) -> Any:
        messages = [{"role": turn.role, "content": turn.content} for turn in turns]
        today = TODAY.strftime("%d %b %Y")
        try:
            return self.tokenizer.apply_chat_template(messages, chat_template=self._dated, date_string=today, **how)
        except Exception as error:  # templates raise what they like, and Jinja further types
            roles = ", ".join(turn.role for turn in turns)
            has_system = any(turn.role == "system" for turn in turns)
            raise SaladError(
                f"{where} is refused by the chat template of {self.name} (roles: {roles}): {first_line(error)}",
                "Give the roles that the template takes, in the order that it wants"
                f"{', without a system prompt if it takes none' if has_system else ''}, or remove the row.",
            ) from error
