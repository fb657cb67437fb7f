"""Cut a written answer down to what it says: without thoughts, markup and the next question that a model makes up."""

import re

import regex

from saladkit.sources.folding import compatible

_TAG = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|scratchpad)"
_OPENED = re.compile(rf"<(?:seed:)?{_TAG}>|\[THINK\]|◁think▷|<\|begin_of_thought\|>", re.IGNORECASE)
_CLOSED = re.compile(
    rf"</(?:seed:)?{_TAG}>|\[/THINK\]|◁/think▷|<\|end_of_thought\|>|\Aanalysis.*?assistantfinal",
    re.IGNORECASE | re.DOTALL,
)
_THOUGHT = re.compile(
    rf"(?:{_OPENED.pattern})(?:(?!{_OPENED.pattern}).)*?(?:{_CLOSED.pattern})", re.IGNORECASE | re.DOTALL
)
_LABELLED_THOUGHT = re.compile(  # "Thought: A or C? Answer: B"
    r"\A\W*(?:thoughts?|reasoning|rationale|analysis)\W*:.*?^(?=\W*(?:final |my )?answer\b\W*[:\n])",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
# What ends a response, where a model spells it out instead of ending.
_END_OF_TEXT = re.compile(
    r"<\|(?:eot_id|im_end|endoftext|end_of_text|end|end_of_solution)\|>|</s>|<(?:end_of_turn|eos)>"
)
_BEGINNING = re.compile(r"\A\s*(?:<s>|<\|begin_of_solution\|>)")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n")
# Another question: "Question: …", or a line that asks or is no heading, with options or an answer below.
_QUESTION = re.compile(
    r"(?:question|q)\b\s*\d*\s*[:.]"
    r"|[^\n]*[?？]\s*\n(?:.*\n)?\s*(?:answer|a)\s*:"
    r"|[^\n]*[^\s:：]\s*\n\s*\(?A[).:].*\n\s*\(?B[).:]",
    re.IGNORECASE | re.DOTALL,
)

_INNER_LATEX = re.compile(r"\\(?:text\w{0,2}|mathrm|mathbf|mathsf|mathit)\s*\{([^{}]*)\}")
_BOXED = regex.compile(r"\\(?:boxed|fbox)\s*(?:(\{(?:[^{}]++|(?1))*\})|(\w))")
_ANSWER_TAG = re.compile(r"<(answer|final_answer)>(.*?)(?:</\1>|$)", re.IGNORECASE | re.DOTALL)
_PAIR = re.compile(r"<(b|i|u|s|p)>(.*?)</\1>", re.IGNORECASE | re.DOTALL)  # a single "<B>" is an answer
_MARKUP = re.compile(
    r"</?(?:em|strong|code|span|div|br|sub|sup)\s*/?>|\\[()\[\]]|\\?\$|\*|`|__|^[ \t]*[#>]+[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)


def spoken_answer(response: str) -> str:
    """Return the part of a response that answers: after its thoughts, and before its end or another question.

    A response whose thoughts do not end has no answer: "". Where a prompt has opened the thoughts already, they reach
    from the beginning to the tag that closes them.
    """
    answer = _THOUGHT.sub("", response)
    closings = list(_CLOSED.finditer(answer))
    answer = answer[closings[-1].end() :].strip() if closings else answer.strip()
    if _OPENED.search(answer):
        return ""
    answer = _END_OF_TEXT.split(_BEGINNING.sub("", answer), maxsplit=1)[0].strip()
    answer = _LABELLED_THOUGHT.sub("", answer)
    blocks = _BLANK_LINE.split(answer)
    for place, block in enumerate(blocks[1:], start=1):
        if _QUESTION.match(block.strip()):
            return "\n\n".join(blocks[:place])
    return answer


def without_markup(text: str) -> str:
    """Return a text in Unicode's NFKC without HTML, Markdown and LaTeX; a boxed answer becomes a line "answer: …"."""
    text = compatible(text)
    while (unwrapped := _INNER_LATEX.sub(r"\1", text)) != text:
        text = unwrapped
    text = _BOXED.sub(lambda found: f"\nanswer: {found[2] or found[1][1:-1]}\n", text)
    text = _ANSWER_TAG.sub(lambda found: f"\nanswer: {found[2].strip()}\n", text)
    return _MARKUP.sub("", _PAIR.sub(r"\2", text))
