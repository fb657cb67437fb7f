"""Map signs of units to their English names."""

import re

# signs (with a dot if they may be written with one): singular, plural (by default singular + s)
_NAMES = """
ft.: foot, feet
yd. yds.: yard
mi.: mile
in.: inch, inches
c.: cup
lb. lbs.: pound
oz.: ounce
gal.: gallon
qt.: quart
tsp.: teaspoon
tbsp.: tablespoon
acre: acre
ha: hectare
cc: cubic centimeter
hp: horsepower, horsepower
px: pixel
mph: mile per hour, miles per hour
kph kmh: kilometer per hour, kilometers per hour
mpg: mile per gallon, miles per gallon
ppm: part per million, parts per million
ppb: part per billion, parts per billion
mbps: megabit per second, megabits per second
h hr. hrs.: hour
min. mins.: minute
sec. secs.: second
wk. wks.: week
mo. mos.: month
yr. yrs.: year
dB: decibel
Hz: hertz, hertz
kHz: kilohertz, kilohertz
MHz: megahertz, megahertz
GHz: gigahertz, gigahertz
THz: terahertz, terahertz
Ω: ohm
° º: degree
℃: degree Celsius, degrees Celsius
℉: degree Fahrenheit, degrees Fahrenheit
°N: degree north, degrees north
°S: degree south, degrees south
°E: degree east, degrees east
°W: degree west, degrees west
% pct: percent, percent
‰: per mille, per mille
¢: cent
€: euro
bn: billion, billion
tn: trillion, trillion
mn: million, million
KG Kg kgs: kilogram
KM Km kms: kilometer
"""

# sign: name, prefixes that are in use (- for no prefix)
_METRIC = """
m: meter, - n µ m c k
g: gram, - n µ m k
l: liter, - µ m c d
L: liter, - µ m c d
s: second, - n µ m
W: watt, - m k M G T
Wh: watt hour, - k M G T
V: volt, - m k M
A: amp, m k
J: joule, - k M
Pa: pascal, - h k M G
N: newton, k M
B: byte, k K M G T P
bps: bit per second, - k K M G T
eV: electron volt, - k M G T
mol: mole, - m µ
cal: calorie, - k
"""
_PREFIXES = {
    **{"-": "", "n": "nano", "µ": "micro", "m": "milli", "c": "centi", "d": "deci", "h": "hecto", "k": "kilo"},
    **{"K": "kilo", "M": "mega", "G": "giga", "T": "tera", "P": "peta"},
}
_POWERS = {"²": "square", "2": "square", "^2": "square", "³": "cubic", "3": "cubic", "^3": "cubic"}
_POWERS_BEFORE = {"sq ": "square", "sq. ": "square", "cu ": "cubic", "cu. ": "cubic"}
_WITH_POWERS = ("m", "km", "cm", "mm", "ft", "in", "mi", "yd")


def _names() -> dict[str, tuple[str, str]]:
    names: dict[str, tuple[str, str]] = {}
    for line in _NAMES.split("\n")[1:-1]:
        signs, _, forms = line.partition(": ")
        one, _, many = forms.partition(", ")
        names |= dict.fromkeys(signs.replace(".", "").split(), (one, many or f"{one}s"))
    for line in _METRIC.split("\n")[1:-1]:
        base, _, rest = line.partition(": ")
        name, _, prefixes = rest.partition(", ")
        counted, per, second = name.partition(" per ")
        for prefix in prefixes.split():
            spoken = f"{_PREFIXES[prefix]}{counted}"
            names[f"{prefix.strip('-')}{base}"] = (f"{spoken}{per}{second}", f"{spoken}s{per}{second}")
    names |= {sign.replace("µ", "μ"): forms for sign, forms in names.items()}  # Greek mu in place of the micro sign
    for length in _WITH_POWERS:
        one, many = names[length]
        names |= {f"{length}{sign}": (f"{power} {one}", f"{power} {many}") for sign, power in _POWERS.items()}
        names |= {f"{sign}{length}": (f"{power} {one}", f"{power} {many}") for sign, power in _POWERS_BEFORE.items()}
    for sign in "°º":
        for scale, name in {"C": "Celsius", "F": "Fahrenheit"}.items():
            names |= {f"{sign}{gap}{scale}": (f"degree {name}", f"degrees {name}") for gap in ("", " ")}
    return names


UNITS = _names()  # sign: (singular, plural)
DOTTED = re.findall(r"(\w+)\.", _NAMES)

# what may follow a slash, as in "km/h": the spoken word
PER = {word: word for word in ("second", "minute", "hour", "day", "night", "week", "month", "year", "person", "capita")}
PER |= {sign: names[0] for sign, names in UNITS.items() if sign.isalpha() or sign[-1] in "²³23"}
PER |= {"s²": "second squared", "s2": "second squared"}
