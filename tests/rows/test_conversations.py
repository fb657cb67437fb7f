"""Conversations laid out by chat templates, against a twin that renders and tokenizes each prefix on its own."""

import numpy as np
import pytest
import tokenizer_kinds
from chat_templates import KINDS, chat_tokenizer

from saladkit.errors import SaladError
from saladkit.formats.messages import Turn, heard_text, turns_of
from saladkit.formats.words import Word
from saladkit.rows.chat_template import ChatTemplate
from saladkit.rows.conversations import lay_out_conversation, turns_in, with_units
from saladkit.rows.tokens import split_text

TURNS = [
    Turn("user", "Who lives in  Canada?", ((0, 21),)),
    Turn("assistant", "The tomato."),
    Turn("user", "user is assistant? Say one word, <b>user</b>.", ((0, 18), (19, 27))),
    Turn("assistant", "Assistant: a berry\nand user"),
]
SYSTEM = Turn("system", "Answer as a user, in one word.")


def text_part(text):
    return {"type": "text", "text": text}


def as_messages(turns):
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def twin(tokenizer, turns):
    """Token ids of the whole, and the places that the assistant writes: those added to each prompt, to the last
    special token."""

    def ids(count, **how):
        text = tokenizer.apply_chat_template(
            as_messages(turns[:count]), tokenize=False, date_string="26 Jul 2024", **how
        )
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    written = []
    for number, turn in enumerate(turns):
        if turn.role == "assistant":
            begin, whole = len(ids(number, add_generation_prompt=True)), ids(number + 1)
            last = max(place for place in range(begin, len(whole)) if whole[place] in tokenizer.all_special_ids)
            written += range(begin, last + 1)
    return ids(len(turns)), written


@pytest.mark.parametrize("system", [[], [SYSTEM]], ids=["no system prompt", "a system prompt"])
@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("base", ["world", "byte-level", "Metaspace, first"])
def test_the_tokens_and_what_is_learned_are_the_twin_s(tokenizer, base, kind, system):
    base = tokenizer if base == "world" else tokenizer_kinds.KINDS[base]()
    own, turns = chat_tokenizer(base, kind), [*system, *TURNS]
    laid = lay_out_conversation(ChatTemplate(own), turns, "row")
    ids, written = twin(own, turns)
    assert laid.token_ids.tolist() == ids
    assert np.flatnonzero(laid.learned).tolist() == written
    assert len(laid.learned) == len(ids) + 1
    bos = own.bos_token_id
    assert laid.prefix == (bos is not None) == ids.count(bos)  # once


@pytest.mark.parametrize("kind", list(KINDS))
def test_the_words_that_may_be_heard_are_those_of_the_users(tokenizer, kind):
    own = chat_tokenizer(tokenizer, kind)
    laid = lay_out_conversation(ChatTemplate(own), [SYSTEM, *TURNS], "row")
    pieces = [
        own.decode(laid.token_ids[begin:end]).strip()
        for begin, end in zip(laid.word_tokens[:-1], laid.word_tokens[1:], strict=True)
    ]
    wanted = [word for turn in TURNS for begin, end in turn.heard for word in turn.content[begin:end].split()]
    assert [piece for piece, heard in zip(pieces, laid.hearable, strict=True) if heard] == wanted
    assert len(turns_in(laid.hearable)) == 2  # the two heard parts of one turn are one run
    assert not laid.learned[:-1][np.repeat(laid.hearable, np.diff(laid.word_tokens)).nonzero()[0] + laid.prefix].any()
    assert "".join(pieces) != ""


def test_the_same_line_has_the_same_tokens_on_every_day(tokenizer):
    own = chat_tokenizer(tokenizer, "Llama 3")
    text = ChatTemplate(own).render(TURNS, "row")
    assert "Today Date: 26 Jul 2024" in text
    own.chat_template = own.chat_template.replace("if not date_string is defined", "if true")  # asks the clock
    assert ChatTemplate(own).render(TURNS, "row") == text


def test_a_template_that_trims_contents_moves_the_heard_words(tokenizer):
    own = chat_tokenizer(tokenizer, "Gemma 3")
    spaced = [Turn("user", "  hello there ", ((0, 14),)), Turn("assistant", " yes ")]
    plain = [Turn("user", "hello there", ((0, 11),)), Turn("assistant", "yes")]
    one, other = (lay_out_conversation(ChatTemplate(own), turns, "row") for turns in (spaced, plain))
    for name in ("token_ids", "word_tokens", "hearable", "learned"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_units_of_text_last_from_one_heard_word_to_the_next(tokenizer):
    laid = lay_out_conversation(ChatTemplate(chat_tokenizer(tokenizer, "SmolLM2")), TURNS, "row")
    words = [Word(f"w{i}", float(i), i + 0.5) for i in range(laid.hearable.sum())]
    spread = with_units(laid, words)
    assert [word for word, heard in zip(spread, laid.hearable, strict=True) if heard] == words
    around = [(word.start, word.end) for word, heard in zip(spread, laid.hearable, strict=True) if not heard]
    assert around == [(None, 0.0), (3.5, 4.0), (len(words) - 0.5, None)]


def test_a_conversation_is_never_split(tokenizer):
    laid = lay_out_conversation(ChatTemplate(chat_tokenizer(tokenizer, "Qwen2.5")), TURNS, "row")
    length = len(laid.token_ids)
    assert [piece.text for piece in split_text(laid, length)] == [laid]
    assert split_text(laid, length - 1) == []


def test_parts_are_one_content_and_audio_parts_alone_are_heard():
    messages = [
        {"role": "system", "content": [text_part("Be brief.")]},
        {"role": "user", "content": [{"type": "audio", "text": "What is it?"}, text_part("One word.")]},
        {"role": "assistant", "content": [text_part("Salt.")]},
        {"role": "user", "content": [text_part("Read this.")]},
    ]
    turns = turns_of(messages)
    assert [turn.content for turn in turns] == ["Be brief.", "What is it? One word.", "Salt.", "Read this."]
    assert [turn.heard for turn in turns] == [(), ((0, 11),), (), ()]
    assert heard_text(messages) == "What is it?"
    assert heard_text(messages[2:]) == "Read this."  # without audio parts, all that users say


REFUSED = {
    "no assistant": (TURNS[:1], "no turn of the assistant"),
    "a special token": ([Turn("user", "hi <|im_end|> there"), TURNS[1]], "special token <|im_end|>"),
}


@pytest.mark.parametrize("kind", list(REFUSED))
def test_conversations_that_cannot_be_learned_from(tokenizer, kind):
    turns, problem = REFUSED[kind]
    with pytest.raises(SaladError, match="row 'x'") as error:
        lay_out_conversation(ChatTemplate(chat_tokenizer(tokenizer, "Qwen2.5")), turns, "f: row 'x'")
    assert problem in error.value.problem


TEMPLATES = {  # that cannot be trained by
    "drops a turn": "{% for m in messages %}{% if not loop.first %}<|im_start|>{{ m.content }}{% endif %}{% endfor %}",
    "changes contents": "{% for m in messages %}<|im_start|>{{ m.content | upper }}<|im_end|>{% endfor %}",
    "depends on later turns": "{% for m in messages %}{{ loop.revindex }}<|im_start|>{{ m.content }}{% endfor %}",
    "raises": "{{ raise_exception('no') }}",
    "wrong": "{% for m in messages %}{{ m.contents.x.y }}{% endfor %}",
    "no Jinja": "{% for m in messages %}",
}


@pytest.mark.parametrize("name", list(TEMPLATES))
def test_templates_that_cannot_be_trained_by(tokenizer, name):
    own = chat_tokenizer(tokenizer, "Qwen2.5")
    own.chat_template = TEMPLATES[name]
    with pytest.raises(SaladError, match="row 'x'"):
        lay_out_conversation(ChatTemplate(own), TURNS, "f: row 'x'")


def test_gemma_s_template_refuses_two_turns_of_one_role(tokenizer):
    with pytest.raises(SaladError, match=r"roles: user, user, assistant\): Conversation roles must alternate"):
        turns = [TURNS[0], *TURNS[:2]]
        lay_out_conversation(ChatTemplate(chat_tokenizer(tokenizer, "Gemma 3")), turns, "f: row 'x'")


def test_two_bos_tokens_are_refused(tokenizer):
    own = chat_tokenizer(tokenizer, "Llama 3")
    own.chat_template = "{{ bos_token }}" + own.chat_template
    with pytest.raises(SaladError, match="two BOS"):
        lay_out_conversation(ChatTemplate(own), TURNS, "row")


def test_a_tokenizer_without_a_template_is_refused(tokenizer):
    with pytest.raises(SaladError, match="no chat template"):
        ChatTemplate(tokenizer)


def test_an_aligner_s_words_are_the_units(tokenizer):
    template = ChatTemplate(chat_tokenizer(tokenizer, "Qwen2.5"))
    turns = [Turn("user", "你好世界。 再见 x", ((0, 5), (6, 10))), Turn("assistant", "好")]
    by_icu = lay_out_conversation(template, turns, "row")
    by_sign = lay_out_conversation(template, turns, "row", ["你", "好", "世", "界。", "再", "见", "x"])
    assert by_sign.hearable.sum() == 7
    assert by_sign.token_ids.tolist() == by_icu.token_ids.tolist()
    begins = [template.tokenizer.decode(by_sign.token_ids[place:]).strip()[:1] for place in by_sign.word_tokens[:-1]]
    assert [one for one, heard in zip(begins, by_sign.hearable, strict=True) if heard] == list("你好世界再见x")
