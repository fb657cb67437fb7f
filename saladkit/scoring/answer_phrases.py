"""The phrases by which written answers name an option, in the languages of the common benchmarks.

All patterns are case-blind. What follows a phrase is read by `written_answers`, which tells "A" from an article.
"""

import regex

_NOUN = (
    r"(?:answer|ans|choice|option|solution|selection|response|pick|guess|alternative|letter|(?:right|correct|best) one)"
)
_NO_LABEL = r"(?!\s+(?:choices|options)|\s+\(?[A-Z]\)?\s+\w)"  # "option A is a city" tells, it does not answer
_FOREIGN_NOUN = (
    r"(?:respuesta|opci[oó]n|r[eé]ponse|antwort|l[öo]sung|risposta|opzione|scelta|resposta|opç[aã]o|alternativa|antwoord"
    r"|odpowied[zź]|odpověď|ответ|вариант|відповідь|jawaban|cevap|yanıt|đáp án|câu trả lời|svaret|svar|vastaus"
    r"|răspuns(?:ul)?|válasz|απάντησ[ηή]|ה?תשובה)"
)
_BARE_NOUN = (  # of languages that need no verb and no space before the letter
    r"(?:उत्तर|जवाब|(?:الإجابة|الاجابة)(?: الصحيحة)?|الجواب|(?:پاسخ|جواب)(?: صحیح| درست)?|\bcevap\b|\byanıt\b"
    r"|ค(?:\u0e4d\u0e32|\u0e33)ตอบ|答案|选项|選項|选择|選擇|选|選|正解|解答|答え|回答|정답|답)"
)
_IS = (
    r"(?:is|was|would be|should be|must be|has to be|will be|could only be|can only be|(?:could|may|might)"
    r" (?:also |well )?be)"
)
_FOREIGN_IS = r"(?:este|είναι|היא|es|est|ist|è|é|jest|to|är|er|on|là|adalah|je|is|lautet)"
_BARE_IS = r"(?:是|为|為|は|が|은|는|هي|هو|คือ)"
_POINTS = r"(?:[:=→⇒]|[-–—]+>?(?=\s))"
_FILLER = (
    r"(?:(?:most|likely|probably|definitely|clearly|obviously|certainly|surely|simply|thus|therefore|indeed|also|just"
    r"|still|actually|that)\s+)*"
)
_ARTICLE = r"(?:(?:la|le|el|die|der|das|il|lo|[ao](?=\s+(?:letra|op|alternativa|[B-Z]\b)))\s+)?"
OPTION = (
    rf"(?:the\s+)?(?:(?:{_NOUN}|{_FOREIGN_NOUN}|letra|lettre|lettera|buchstabe|选项|選項)\s*)?"  # "option C" is "C"
)


def _phrase(pattern: str) -> regex.Pattern:
    return regex.compile(pattern, regex.IGNORECASE)


STRONG = (  # only an option can follow
    _phrase(rf"\b{_NOUN}\b{_NO_LABEL}(?:[^.:;!?\n]{{0,60}}?\b{_IS}|['’]s)\s+{_FILLER}"),
    _phrase(rf"\b{_NOUN}\b{_NO_LABEL}[^.:;!?\n]{{0,30}}?{_POINTS}\s*{_FILLER}"),
    _phrase(rf"\b{_FOREIGN_NOUN}\b[^.:;!?\n]{{0,30}}?(?:\s{_FOREIGN_IS}\s+|\s*{_POINTS}\s*){_ARTICLE}"),
    _phrase(rf"{_BARE_NOUN}\s*"),
    _phrase(rf"{_BARE_NOUN}[^.:;!?\n。A-Z]{{0,12}}?(?:{_BARE_IS}|{_POINTS})\s*"),
    _phrase(
        r"\b(?:choose|chose|pick|select|go(?:ing)? (?:with|for)|went with|opt for|vote for|settle on|would say"
        rf"|['’]d say|selected|chosen)(?:\s*:|\b)\s*(?:that\s+)?(?:it(?:['’]s| is)\s+)?{_FILLER}"
    ),
)
WEAK = (  # other words can follow as well
    _phrase(rf"\b(?:it|this|that)(?:['’]s|['’]d be|\s+{_IS}|\s+(?:looks|sounds|seems)(?: like)?)\s+{_FILLER}"),
    _phrase(rf"\b(?:c['’]est|es|est|ist|è|é|sia|seja|sea|soit|serait|sería|wäre)\s+{_ARTICLE}"),
    _phrase(r"(?:\b(?:so|therefore|thus|hence|consequently)\b|∴),?\s+"),
    _phrase(r"\bans\.\s+|(?:认为|認為|觉得|覺得|应该|應該|所以)(?:是|选|選)?\s*"),
    _phrase(r"\b(?:wait|actually|I mean|or rather|sorry)\b[,.:;]?\s+(?:no\b[,.]?\s+)?"),  # a second answer
    _phrase(r"\b(?:think|believe|guess|say|suppose)\s+(?:that\s+)?"),
    _phrase(r"\bnot\b[^.;!?\n]{1,40}?\bbut\s+(?:rather\s+)?"),
)
OPENING = _phrase(  # before an answer at the beginning of a line
    r"(?:(?:sure|okay|ok|well|yes|no|hm+|um+|uh|right|certainly|of course|so|alright|definitely|probably|maybe|perhaps"
    r"|possibly|most likely|likely|clearly|obviously|correct|in my opinion|(?:good|great) question|I (?:think|believe"
    r"|guess|suppose)|assistant|it['’]s|(?:it )?(?:could|may|might|must) be|just|only)\b[\s,.!:…–—-]*)+"
)
BULLET = _phrase(r"(?:\s*(?:[•·→⇒=–—*-]+>?|[✅✔☑👉➡▶]\ufe0f?)\s+)*")
DENIAL = _phrase(
    r"\b(?:not|never|neither|nor|wrong|incorrect|false|cannot|if|whether|unless|suppose|assuming|except)\b|n['’]t\b|不|错"
)
REASON = _phrase(
    r"\s+(?:because|since|as|due|given|which|based|according|rather|instead|over|only|alone|for|though|although|whereas|while"
    r"|porque|ya que|pues|car|parce|weil|denn|da|perch[eé]|omdat|ponieważ|bo|потому|çünkü|karena|vì)\b"
    r"|\s+(?:it is|I (?:think|believe|guess|suppose|would say|['’]d say))(?=\s*(?:$|[.,;!\n]))"
)
_ADVERBS = (
    r"(?:(?:the|a|my|most|only|also|both|all|clearly|definitely|obviously|probably|likely|indeed|therefore|thus|la|le|die|der|das"
    r"|il|o|una?)\s+)*"
)
VERBS = (
    r"(?:is|are|was|were|would be|must be|should be|has to be|(?:seem|appear)s?(?: to be)?|(?:look|sound)s?(?: like)?"
    r"|feels?|es|est|ist|è|é)"
)
RIGHT = _phrase(
    rf"\s*[:(–—-]\s*(?:correct|right|true)\s*(?=$|[).,;!\n])|\s+{VERBS}\s+{_ADVERBS}(?:correct|right|true|best|answer|choice|accurate|appropriate|correct[oae]|bonne|richtig"
    r"|korrekt|giust[oa]|corrett[oa]|corret[oa])\b|\s*(?:が正しい|は正しい|是正确|是對|是对|正确|正しい|सही है)"
)
WRONG = _phrase(
    rf"\s*[:(–—-]?\s*(?:{VERBS}\s+)?{_ADVERBS}(?:incorrect|wrong|false|inaccurate|invalid|unlikely|impossible|falsch|faux"
    r"|fausse|incorrect[oae]|sbagliat[oa]|errad[oa])\b"
    r"|\s+(?:is|are|was|were|does|do|can|could|would|will|should|seems|looks)\s*(?:\w+ )?(?:not\b|n['’]t\b|no\b)"
    r"|\s+(?:isn|aren|wasn|can|doesn|don|wouldn|couldn|won)['’]t\b|\s+cannot\b"
    r"|\s*(?:不|是错|错|是錯|誤|ではな|じゃな|は違|[이가] 아|नहीं)"
)
AND = _phrase(
    r"\s*(?:,\s*(?:and|or|nor)?|/|&|\+|\b(?:and|or|nor|und|oder|y|o|e|ou|et|или|и|lub|dan|atau|ve|veya)\b|和|或者?|と|または"
    r"|및|또는|या|और|أو)\s*"
)
