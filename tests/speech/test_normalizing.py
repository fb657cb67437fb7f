import random
import subprocess
import sys
import time

import pytest

from saladkit.formats.words import Word, words_of_text
from saladkit.speech.normalizing.numbers import roman
from saladkit.speech.normalizing.spoken_form import SpokenForm, spoken_form

EXAMPLES = {
    # counting
    "1,234 people": "one thousand two hundred thirty four people",
    "12,345,678": "twelve million three hundred forty five thousand six hundred seventy eight",
    "1 000 000 and 8336817": "one million and eight million three hundred thirty six thousand eight hundred seventeen",
    "3.14, 0.05, .5 and 5.0.": "three point one four, zero point zero five, point five and five point zero.",
    "-5, −40 and (-3.5)": "minus five, minus forty and (minus three point five)",
    "5+ and +5": "five plus and plus five",
    "1st, 2nd, 21st, 100th, 1,000th": "first, second, twenty first, one hundredth, one thousandth",
    "20th-century art, a 5-year-old": "twentieth-century art, a five-year-old",
    "1/2, 3/4 and 2/3": "one half, three quarters and two thirds",
    "2 1/2 cups, 2½ hours, 2-1/2 or ½": "two and a half cups, two and a half hours, two and a half or one half",
    "8/10 and 5/5": "eight out of ten and five out of five",
    "5-10 or 1.5–2.5": "five to ten or one point five to two point five",
    "won 3-2, odds of 16:9": "won three to two, odds of sixteen to nine",
    "007, 05 and 0": "zero zero seven, zero five and zero",
    "5551234567 but 10000000000": "five five five one two three four five six seven but ten billion",
    "1.000.000, 12'345 and 1,00,000": "one million, twelve thousand three hundred forty five and one hundred thousand",
    "€2.500.000, 1.000.000 km, 10.000.000.000": (
        "two million five hundred thousand euros, one million kilometers, ten billion"
    ),
    "1.234,5 but 192.168.100.200": (
        "one thousand two hundred thirty four point five but"
        " one nine two dot one six eight dot one zero zero dot two zero zero"
    ),
    "50-50, 60-40, 80/20, 20–20 vision, drew 1-1, ages 40-60": (
        "fifty fifty, sixty forty, eighty twenty, twenty twenty vision, drew one one, ages forty to sixty"
    ),
    # years
    "1815 people, 1984 of them and 1066 houses": (
        "one thousand eight hundred fifteen people, one thousand nine hundred eighty four of them and"
        " one thousand sixty six houses"
    ),
    "more than 1815 died, nearly 1984, 1500 men": (
        "more than one thousand eight hundred fifteen died, nearly one thousand nine hundred eighty four,"
        " fifteen hundred men"
    ),
    "the 1996 elections, 2020 elections, in 1815 people left, 1984 was, 1815 marks": (
        "the nineteen ninety six elections, twenty twenty elections, in eighteen fifteen people left,"
        " nineteen eighty four was, eighteen fifteen marks"
    ),
    "In 1984, 1905, 1900, 2000, 2005 and 2021": (
        "In nineteen eighty four, nineteen oh five, nineteen hundred, two thousand, two thousand five and"
        " twenty twenty one"
    ),
    "in 1066; 1066 men": "in ten sixty six; one thousand sixty six men",
    "1984's (1984) “1984”—": "nineteen eighty four's (nineteen eighty four) “nineteen eighty four”—",
    "1980s, '90s, 90s, 1900s, 2000s": "nineteen eighties, nineties, nineties, nineteen hundreds, two thousands",
    "the 1960s-80s, mid-1990s, lower 30's": "the nineteen sixties to eighties, mid-nineteen nineties, lower thirties",
    "1939–1945, 1939-45, 2003-04": (
        "nineteen thirty nine to nineteen forty five, nineteen thirty nine to forty five, two thousand three to oh four"
    ),
    "1939 – 1945": "nineteen thirty nine to nineteen forty five",
    "the 2019/20 season, class of '68 and '05": ("the twenty nineteen twenty season, class of sixty eight and oh five"),
    # dates
    "March 3, 2021 was": "March third, twenty twenty one was",
    "on March 3rd, May 5 and Dec 25": "on March third, May fifth and December twenty fifth",
    "June 3–5, 1944": "June third to fifth, nineteen forty four",
    "3 March 2021": "the third of March twenty twenty one",
    "the 3 March vote, the 26th May, 3rd of March": "the third of March vote, the twenty sixth of May, third of March",
    "03/04/2021, 25/12/2021, 11/17/05": (
        "March fourth, twenty twenty one, December twenty fifth, twenty twenty one, November seventeenth, oh five"
    ),
    "2021-03-04": "March fourth, twenty twenty one",
    "Jan. 5, 2020; Feb. 2019; Sept. 11": "January fifth, twenty twenty; February twenty nineteen; September eleventh",
    "Fri., Jan. 5": "Friday, January fifth",
    "Feb 29, 2000 and 29/02/1904": "February twenty ninth, two thousand and February twenty ninth, nineteen oh four",
    # times
    "10:30, 10:05, 10:00 and 22:15": "ten thirty, ten oh five, ten o'clock and twenty two fifteen",
    "5 p.m., 5:05am, 10:00 AM": "five p.m., five oh five a.m., ten a.m.",
    "We met at 5 pm. They left.": "We met at five p.m. They left.",
    "9am-5pm, 4:00 am - 8:12 pm": "nine a.m. to five p.m., four a.m. to eight twelve p.m.",
    "5-7 p.m., 10.30 a.m.": "five to seven p.m., ten thirty a.m.",
    "2h 31m 40s, 5 min 30 s": "two hours thirty one minutes forty seconds, five minutes thirty seconds",
    "John 3:16-18": "John three sixteen to eighteen",
    # units
    "5 km, 1 km, 10km, 5-10 km, a 5-km run": (
        "five kilometers, one kilometer, ten kilometers, five to ten kilometers, a five kilometer run"
    ),
    "80 kg, 60 mph, 100 km/h, 9.8 m/s²": (
        "eighty kilograms, sixty miles per hour, one hundred kilometers per hour,"
        " nine point eight meters per second squared"
    ),
    "20 °C, 1°C, -5°F, 30°, 40°N": (
        "twenty degrees Celsius, one degree Celsius, minus five degrees Fahrenheit, thirty degrees, forty degrees north"
    ),
    "100 m², 3 sq mi, 5 MB, 16 GHz, 3 kWh": (
        "one hundred square meters, three square miles, five megabytes, sixteen gigahertz, three kilowatt hours"
    ),
    "5 lb. of flour, 6 ft. 2 in. tall. He weighs 180 lbs. She": (
        "five pounds of flour, six feet two inches tall. He weighs one hundred eighty pounds. She"
    ),
    "3/4 mi, 1/2 km, 2 1/2 lbs": "three quarters of a mile, one half kilometer, two and a half pounds",
    "5 mg/dL and 25 x 7 m, 4x4": "five milligrams per deciliter and twenty five by seven meters, four by four",
    "5%, 5 %, 0.5% and 5-10%.": "five percent, five percent, zero point five percent and five to ten percent.",
    "He's 5'10\"": "He's five foot ten",
    "5m people, a 100m sprint": "five million people, a one hundred meters sprint",
    "in 10.49s, 5 s": "in ten point four nine seconds, five seconds",
    # money
    "$5, $1, €3.50, £1.01": "five dollars, one dollar, three euros and fifty cents, one pound and one penny",
    "$0.50, $1,000.00, -$5, US$5": "fifty cents, one thousand dollars, minus five dollars, five U.S. dollars",
    "$-5 and € 5": "minus five dollars and five euros",
    "($5 million), £2 million. $5bn, $2.5M": (
        "(five million dollars), two million pounds. five billion dollars, two point five million dollars"
    ),
    "$5-10, $5–$10, $5/day, a $20 bill": (
        "five to ten dollars, five to ten dollars, five dollars per day, a twenty dollar bill"
    ),
    # names
    "555-1234 or (555) 123-4567": (
        "five five five, one two three four or five five five, one two three, four five six seven"
    ),
    "+1 555 123 4567": "plus one, five five five, one two three, four five six seven",
    "call 911, room 101, CA 90210": "call nine one one, room one oh one, CA nine zero two one zero",
    "Call 1300 555 019 or 0800 555 0199": (
        "Call one three zero zero, five five five, zero one nine or"
        " zero eight zero zero, five five five, zero one nine nine"
    ),
    "020 7946 0958 and 01 23 45 67": (
        "zero two zero, seven nine four six, zero nine five eight and zero one, two three, four five, six seven"
    ),
    "Tel: +49 30 901820, +91 9876543210; call me at 555 0199": (
        "Tel: plus four nine, three zero, nine zero one eight two zero,"
        " plus nine one, nine eight seven six five four three two one zero;"
        " call me at five five five, zero one nine nine"
    ),
    "Fax 0049 30 1234567": "Fax zero zero four nine, three zero, one two three four five six seven",
    "card 4111 1111 1111 1234": ("card four one one one, one one one one, one one one one, one two three four"),
    "1200 800 400": "twelve hundred eight hundred four hundred",
    "€1.234,56, $1.234.567,00-$2.000.000,00": (
        "one thousand two hundred thirty four euros and fifty six cents,"
        " one million two hundred thirty four thousand five hundred sixty seven to two million dollars"
    ),
    "Dial 13 11 14, phone: 9999 1234": (
        "Dial one three, one one, one four, phone: nine nine nine nine, one two three four"
    ),
    "(02) 9999 1234 or 555 123 4567": (
        "zero two, nine nine nine nine, one two three four or five five five, one two three, four five six seven"
    ),
    "+44 (0)20 7946, +15551234567": (
        "plus four four, zero, two zero, seven nine four six, plus one five five five one two three four five six seven"
    ),
    "call 100 000 people or call 5 people": "call one hundred thousand people or call five people",
    "24/7, 9/11, a 401(k)": "twenty four seven, nine eleven, a four oh one k",
    "1428 Elm St. and 12 Main St, Boston": "fourteen twenty eight Elm Street and twelve Main Street, Boston",
    "MP3, H2O, A380, 5G, COVID-19, GPT-4": "MP three, H two O, A three eighty, five G, COVID-nineteen, GPT-four",
    "v2.0, 1.2.3, 192.168.1.1": (
        "v two point zero, one point two point three, one nine two dot one six eight dot one dot one"
    ),
    # Roman numerals
    "Chapter IV, World War II, World War I, Vol. XII": "Chapter four, World War two, World War one, Volume twelve",
    "Book I, Act I Scene II, Part I of it, Type I diabetes": (
        "Book one, Act one Scene two, Part one of it, Type one diabetes"
    ),
    "Henry VIII's, Louis XIV, Pope Francis I": "Henry the eighth's, Louis the fourteenth, Pope Francis the first",
    # abbreviations
    "Mr. Smith, Mrs Jones, Prof. Lee": "Mister Smith, Missus Jones, Professor Lee",
    "Dr. Smith lives on Sunset Dr. He": "Doctor Smith lives on Sunset Drive. He",
    "St. Mary, on 42nd St. and on Main St. He": "Saint Mary, on forty second Street and on Main Street. He",
    "e.g. this, i.e. that, etc., vs. No. 5": "for example this, that is that, et cetera, versus Number five",
    "See no. 5. I said no. 5 men came": "See number five. I said no. five men came",
    "He told me no. 5 men came. Oh no. 3 cats. The answer was no. 7 left": (
        "He told me no. five men came. Oh no. three cats. The answer was no. seven left"
    ),
    "No. 5 men came. No. 5 is no. 1": "No. five men came. Number five is number one",
    "milk, etc. And approx. 5": "milk, et cetera. And approximately five",
    "Apple Inc. and Smith & Co. and King Jr.": "Apple Incorporated and Smith and Company and King Junior.",
    "pp. 5-10, Fig. 3, (b. 1950), c. 1850": (
        "pages five to ten, Figure three, (born nineteen fifty), circa eighteen fifty"
    ),
    # signs
    "AT&T, salt & pepper": "AT and T, salt and pepper",
    "2 + 2 = 4, 2+2=4, x = 5": "two plus two equals four, two plus two equals four, x equals five",
    "5 - 3 = 2 and 3 × 4": "five minus three equals two and three times four",
    "#5, ~5, <5%, #music, @home": "number five, about five, less than five percent, hashtag music, at home",
}
AS_THEY_STAND = [
    "",
    "The quick brown fox — it jumps, doesn't it? “Yes…” he said.",
    "I may march in May with Henry, Dr. and Mrs. and the U.S. and NATO, said Ms. Lee (Ph.D.).",
    "Chapter One; Class C; Elizabeth I love; Malcolm X; George V. Higgins; No way. Sun, sat and see the co.",
    "1e999 10⁻³ 10^5 1,2,3 3,14 04.03.2021 3/14 9/13 ² 10⁶ ٣٤ 日本2021年 5円 _5_ 5/day C++ C# &amp; x->y",
    "Book I read, the Chapter I wrote, a Section I like, The Part I know, Type I want",
    "http://a.com/2021/05 www.b.com/1 me5@c.com and/or - item * item > quote",
]


def spoken(text, language="en"):
    return spoken_form(text, language)


def timed(form, seconds=1.0):
    """Every spoken word with a time, one after another."""
    return [Word(word, index * seconds, (index + 1) * seconds, 0.5) for index, word in enumerate(form.words)]


@pytest.mark.parametrize("text, expected", EXAMPLES.items())
def test_english_is_written_as_it_is_spoken(text, expected):
    assert spoken(text).text == expected


@pytest.mark.parametrize("expected", [*EXAMPLES.values(), *AS_THEY_STAND])
def test_what_is_written_as_it_is_spoken_stands(expected):
    form = spoken(expected)
    assert form.words == words_of_text(expected)
    assert form.owners == [(index, index + 1) for index in range(len(form.words))]


@pytest.mark.parametrize("language", ["de", "fr-fr", None, ""])
def test_other_languages_stand(language):
    form = spoken_form("Am 3. März 1984, um 5 km", language)
    assert form.words == "Am 3. März 1984, um 5 km".split()


@pytest.mark.parametrize("language", ["en", "en-us", "en_GB", "EN"])
def test_english_goes_by_many_codes(language):
    assert spoken_form("5 km", language).text == "five kilometers"


@pytest.mark.parametrize("text", [*EXAMPLES, *AS_THEY_STAND])
def test_every_source_word_is_spoken_by_someone(text):
    form, count = spoken(text), len(words_of_text(text))
    assert len(form.owners) == len(form.words)
    assert all(0 <= begin < end <= count for begin, end in form.owners)
    assert {index for begin, end in form.owners for index in range(begin, end)} == set(range(count))
    words = form.source_words(text, timed(form))
    assert [word.word for word in words] == words_of_text(text)
    times = [time for word in words for time in (word.start, word.end) if time is not None]
    assert times == sorted(times)
    if times:  # nothing that was spoken is lost
        assert (times[0], times[-1]) == (0, len(form.words))
        assert sum(word.end - word.start for word in words if word.start is not None) == len(form.words)


@pytest.mark.parametrize(
    "text, owners",
    {
        "In 1984, too": [("In", 0), ("nineteen", 1), ("eighty", 1), ("four,", 1), ("too", 2)],
        "at 10:30 p.m.": [("at", 0), ("ten", 1), ("thirty", 1), ("p.m.", 2)],
        "$5 million": [("five", 0), ("million", 1), ("dollars", 0)],
        "5 min 30 s": [("five", 0), ("minutes", 1), ("thirty", 2), ("seconds", 3)],
        "5 – 10 km": [("five", 0), ("to", 1), ("ten", 2), ("kilometers", 3)],
        "3 March 2021": [("the", 0), ("third", 0), ("of", 0), ("March", 1), ("twenty", 2), ("twenty", 2), ("one", 2)],
        "+44 20 7946": [*zip("plus four four, two zero,".split(), (0, 0, 0, 1, 1), strict=True)]
        + [*zip("seven nine four six".split(), (2, 2, 2, 2), strict=True)],
        "Henry VIII": [("Henry", 0), ("the", 1), ("eighth", 1)],
        "AT&T": [("AT", 0), ("and", 0), ("T", 0)],
    }.items(),
)
def test_each_spoken_word_knows_its_source_word(text, owners):
    form = spoken(text)
    assert list(zip(form.words, form.owners, strict=True)) == [(word, (owner, owner + 1)) for word, owner in owners]


def test_a_source_word_lasts_from_its_first_to_its_last_spoken_word():
    text = "In 1984, at 10:30"
    words = spoken(text).source_words(text, timed(spoken(text)))
    assert words == [Word("In", 0, 1, 0.5), Word("1984,", 1, 4, 0.5), Word("at", 4, 5, 0.5), Word("10:30", 5, 7, 0.5)]


def test_words_in_another_order_count_as_one():
    text = "about $5 million, he said"
    form = spoken(text)
    assert form.words == ["about", "five", "million", "dollars,", "he", "said"]
    assert form.owners == [(0, 1), (1, 2), (2, 3), (1, 3), (3, 4), (4, 5)]
    words = form.source_words(text, timed(form))
    assert [(word.word, word.start, word.end) for word in words] == [
        ("about", 0, 1),
        ("$5", 1, 4),
        ("million,", None, None),
        ("he", 4, 5),
        ("said", 5, 6),
    ]


def test_nobody_guesses_where_a_spoken_word_has_no_time():
    form = SpokenForm("nineteen eighty four".split(), [(0, 1)] * 3)

    def word(*times):
        return form.source_words("1984", [Word("", *time) for time in times])[0]

    assert word((0, 1), (None, None), (2, 3)) == Word("1984", 0, 3)
    assert word((None, None), (1, 2), (2, 3)) == Word("1984", None, None)
    assert word((0, 1), (1, 2), (None, None)) == Word("1984", None, None)
    assert word((0, 1), (1, 2), (2, None)) == Word("1984", None, None)
    assert word((0, 1, 0.9), (None, None), (2, 3, 0.4)).score == pytest.approx(0.6)
    assert word((0, 1, 0.9), (1, 2, 0.0), (2, 3, 0.4)).score == 0


def test_times_of_other_words_are_refused():
    with pytest.raises(ValueError, match="2 times for 3 spoken words"):
        spoken("1984").source_words("1984", timed(spoken("a b")))
    with pytest.raises(ValueError, match="4 times for 3 spoken words"):
        spoken("1984").source_words("1984", timed(spoken("a b c d")))
    for text in ("a", "a b c"):
        with pytest.raises(ValueError, match="another text"):
            spoken("a b").source_words(text, timed(spoken("a b")))


def test_roman_numerals_are_those_of_the_rule():
    tens, ones = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX"], "|I|II|III|IV|V|VI|VII|VIII|IX".split("|")
    assert {ten + one: roman(ten + one) for ten in tens for one in ones} == {
        ten + one: 10 * tens.index(ten) + ones.index(one) or None for ten in tens for one in ones
    }
    assert [roman(letters) for letters in ("IIII", "VX", "IC", "XLX", "i", "CIVIL")] == [None] * 6


ALPHABET = [
    *"0123456789abkmsIVXPMT .,:;-–—−+/%$€£°'’\"()[]#&@=~*_^²½×\n\t\xa0",
    *("\ud800", "٣", "日", "é", "\u200b", "\x1c", "\x85", "😀", "İ", "ß"),
    *("km", "a.m.", "St.", "Dr.", "No.", "March", "million", " - ", "1,000", "1984", "th", "World War ", "Henry "),
]


def test_no_text_is_too_strange():
    draws = random.Random(0)
    strange = ["1" * 400, "1" * 5000, "9" * 400 + "th", "$" + "1" * 400, "1e999", "²", "٣٤", "\ud800 5 km", "5\u2028km"]
    strange += ["".join(draws.choices(ALPHABET, k=draws.randrange(30))) for _ in range(20_000)]
    strange += ["".join(chr(draws.randrange(0x110000)) for _ in range(20)) for _ in range(2000)]
    for text in strange:
        form, count = spoken(text), len(words_of_text(text))
        assert form.words == words_of_text(form.text), repr(text)
        assert {index for begin, end in form.owners for index in range(begin, end)} == set(range(count)), repr(text)
        words = form.source_words(text, timed(form))
        assert [word.word for word in words] == words_of_text(text), repr(text)
        times = [time for word in words for time in (word.start, word.end) if time is not None]
        assert times == sorted(times), repr(text)


def test_long_digits_are_read_one_by_one():
    assert spoken("1" * 400).words == ["one"] * 400
    assert spoken("1" + ",000" * 10).words == ["one"] + ["zero"] * 30


@pytest.mark.parametrize(
    "piece",
    [
        "1",
        "1-",
        "1,",
        "1.",
        "$",
        "a&",
        "1 ",
        "1/",
        "(",
        "No. ",
        "'",
        "000 ",
        "12 May ",
        ",000",
        "-",
        "x1",
        "1:",
        "1984–",
    ]
    + ["Dr. ", "½", "5km", "Henry I ", "&a;", "#a", "@a.", "5%-", "e.g.", "-5", "+44 20 7946 ", '"', "a"],
)
def test_the_time_is_linear(piece):
    text = "5 " + piece * (60_000 // len(piece))
    started = time.perf_counter()
    form = spoken(text)
    form.source_words(text, timed(form))
    assert time.perf_counter() - started < 8  # at most 1 s; a square would take minutes


def test_the_normaliser_imports_nothing_of_this_package_but_words():
    """It works alone: no torch, no pyarrow, no numpy, and no other room."""
    code = """
import sys

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchaudio", "transformers", "pyarrow", "numpy", "soundfile"):
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Refusing())
from saladkit.speech.normalizing.spoken_form import spoken_form
print(spoken_form("In 1984", "en-us").text)
print(*sorted({name.removeprefix("saladkit.") for name in sys.modules if name.startswith("saladkit.")}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    spoken, imported = done.stdout.splitlines()
    assert spoken == "In nineteen eighty four"
    rooms = {name for name in imported.split() if not name.startswith("speech.normalizing")}
    assert rooms <= {"errors", "formats", "formats.words", "formats.unspaced", "speech", "registration"}
