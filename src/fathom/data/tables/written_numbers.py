"""Numbers as people and spreadsheets write them: "1,234.50", "($ 12)", "7 %", "56.7M", "5 kg". Torch-free."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from fathom.phrases import counted

_SIGNS = "$€£¥₹"
_PLAIN = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?\s*")  # Python's own take 2020_01 as well
_BLANKS = " \u00a0\u202f\u2009"  # plain, no-break, narrow no-break, thin
_MINUS = "\u2212"  # the typographic one
_CODES = (
    "CHF CNY RMB AUD CAD NZD SEK NOK DKK PLN CZK HUF RUB TRY BRL MXN ZAR KRW TWD HKD SGD THB IDR "
    "A$ C$ HK$ NT$ R$ S$ kr zł 元 円 원"
)
_CURRENCIES = {code: code for code in _CODES.split()} | {  # all spellings of a currency as one sign
    "USD": "$",
    "US$": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "INR": "₹",
    "Rs": "₹",
    "Rs.": "₹",
}
# powers of ten
_SCALES = {"K": 3, "k": 3, "M": 6, "Mio": 6, "Mio.": 6, "mn": 6, "B": 9, "bn": 9, "Mrd": 9, "Mrd.": 9} | {
    "thousand": 3,
    "million": 6,
    "billion": 9,
    "万": 4,
    "萬": 4,
    "亿": 8,
    "億": 8,
}
# Those that may be missing in some cells; any other unit must stand in every cell to be taken for one.
_NAMES = """
% ‰ ° kg g mg µg μg t lb lbs oz km m cm mm µm nm mi miles ft in yd km/h kmh kmph kph mph m/s
s sec secs ms min mins h hr hrs hour hours day days week weeks month months year years yr yrs °C °F ℃ ℉
W kW MW kWh MWh V mV A mA Hz kHz MHz GHz KB kB MB GB TB ha acre acres sqft sqm m² km² m³ m2 km2 m3 ㎡
L l ml mL cl gal hp bhp ps PS cc Nm rpm mpg kmpl km/kg km/l g/km kcal cal J kJ Pa hPa kPa bar mbar psi mol
pts px people persons 米 公里 千米 厘米 公斤 千克 克 岁 歲 年 个月 天 小时 分钟 平米 平方米 人 件 个
"""
_UNITS = frozenset(_NAMES.split()) | {"sq ft", "sq. ft.", "sq m"}
# the others may be marks for missing cells
_SURE = 0.75  # share of the different texts that must be numbers


class Writing(NamedTuple):
    """How the numbers of a column are written: the unit behind or before them, the decimal mark ("": the file's)."""

    unit: str = ""
    decimal: str = ""


@cache  # two patterns at most, "." and ","
def _form(decimal: str) -> re.Pattern[str]:
    # the other mark, apostrophes (Swiss) and blanks group digits
    groups = f"[{re.escape(',' if decimal == '.' else '.')}'’{_BLANKS}]"
    point = re.escape(decimal)
    before = "|".join(sorted(map(re.escape, _CURRENCIES), key=len, reverse=True))  # the longest first: "US$" before "U"
    return re.compile(
        rf"(?P<sign>[+-]?)[{_BLANKS}]?(?P<before>{before}|[{_SIGNS}]?)[{_BLANKS}]?(?P<minus>-?)"
        # groups of three; Indian ones of two before the last three; plain digits; none before ".5"
        rf"(?P<whole>\d{{1,3}}(?:{groups}\d{{3}})+|\d{{1,2}}(?:{groups}\d{{2}})+{groups}\d{{3}}|\d+|(?={point}\d))"
        rf"(?:{point}(?P<rest>\d*))?(?P<power>[eE][+-]?\d+)?"
        # a unit begins with no mark of numbers or dates, and is short: 2024-01 is none
        rf"(?P<after>[{_BLANKS}]?[^\d\s.,;:'’()+_=#&@-][^\d,;:()-]{{0,15}}[23]?)?(?P<last>-?)"
    )


def read_number(text: str, decimal: str = ".") -> tuple[str, str] | None:
    """Return a number without groups of digits, with a decimal point, and its unit or currency; None for other text.

    "(5)" and "5-" are −5, as bookkeepers write it; "56.7M" is 56.7e6; "7 %" is 7 in %.

    Args:
        decimal: the decimal mark, "." or ","; the other one may stand between groups of three digits.
    """
    if decimal == "." and _is_plain(text):
        return text, ""
    text = text.strip().replace(_MINUS, "-")
    is_negative = text.startswith("(") and text.endswith(")")  # accounting: (12) is −12
    found = _form(decimal).fullmatch(text[1:-1].strip() if is_negative else text)
    if not found:
        return None
    minus = [found["sign"] == "-", bool(found["minus"]), bool(found["last"]), is_negative]
    if sum(minus) > 1 or (found["sign"] and found["minus"]):  # one minus is enough
        return None
    scale, unit = _split_unit((found["after"] or "").strip(_BLANKS))
    before = _CURRENCIES.get(found["before"], found["before"])
    if (before and unit) or (scale and found["power"]):  # two units, or two powers
        return None
    # without leading zeros: "0 100" is a number and no code
    whole = re.sub(r"\D", "", found["whole"]).lstrip("0") or "0"
    rest = f".{found['rest']}" if found["rest"] else ""  # "5." is 5
    power = f"e{scale}" if scale else found["power"] or ""
    return f"{'-' if any(minus) else ''}{whole}{rest}{power}", before or unit


def _split_unit(after: str) -> tuple[int, str]:
    """Return the power of ten and the unit that letters behind a number stand for."""
    after = _CURRENCIES.get(after, after)
    if after in _UNITS or after in _SIGNS:
        return 0, after
    for letters in sorted(_SCALES, key=len, reverse=True):  # "million" before "m"
        rest = after.removeprefix(letters).strip(_BLANKS)
        if after.startswith(letters) and (not rest or rest in _SIGNS or rest in _CURRENCIES):
            return _SCALES[letters], _CURRENCIES.get(rest, rest)
    return 0, after


def plain_number(text: str, decimal: str = ".") -> str:
    """Write a number without groups of digits, currency or percent sign, and with a decimal point.

    Text that is no number stays as it is, and so do those with another unit. "7 %" becomes "7": what is learned from
    it is the same.
    """
    if decimal == "." and _is_plain(text):
        return text
    found = read_number(text, decimal)
    # units other than % say that it is no plain number
    is_sign = found is not None and (found[1] in ("", "%") or found[1] in _SIGNS) and not _has_letters(text)
    return found[0] if found is not None and is_sign else text


def written_number(text: str, writing: Writing, decimal: str = ".") -> str:
    """Write a number of a column plainly: in the column's unit, or without one; other text stays as it is."""
    found = read_number(text, writing.decimal or decimal)
    # another unit: left as text, and then missing
    return text if found is None or found[1] not in ("", writing.unit) else found[0]


def find_writing(texts: Mapping[str, int], decimal: str) -> tuple[Writing | None, str]:
    """Return how the numbers of a column are written, None if it is one of other text, and what a user should know.

    Args:
        texts: the different cells of the column, and how often each occurs.
        decimal: the decimal mark in the file.
    """
    for mark in dict.fromkeys((decimal, ",")):  # the file's own mark first, then a comma
        read = {text: number for text in texts if (number := read_number(text, mark)) is not None}
        if len(read) < _SURE * len(texts):  # most must be numbers in this mark
            continue
        units: dict[str, int] = {}
        for text, (_, unit) in read.items():
            units[unit] = units.get(unit, 0) + texts[text]  # cells, not texts, are counted
        named = [unit for unit in units if unit]
        if len(named) > 1 and all(is_known_unit(unit) for unit in named):
            shown = ", ".join(f"{unit} in {units[unit]:,}" for unit in named[:4])
            return None, f"numbers with several units ({shown} cells) are not read as numbers; bring them to one unit"
        # cells without a unit beside one that nobody knows: names such as 12A
        is_odd = len(named) > 1 or (named and "" in units and not is_known_unit(named[0]))
        if is_odd or (named and any(not unit and _has_letters(text) for text, (_, unit) in read.items())):
            return None, ""  # such as 12A and 14B, which are neither amperes nor billions
        unit = named[0] if named else ""
        note = f", in {unit}" if unit else ""
        if unit and "" in units:
            note += f" and without a unit in {counted(units[''], 'cell')}"
        return Writing(unit, mark if mark != decimal else ""), note
    return None, ""


def has_decimal_commas(cells: Iterable[str], *, is_likely: bool) -> bool:
    """Return whether commas in these cells are decimal marks.

    Args:
        is_likely: whether "1,234" alone, which may be either, is taken for one and a bit.
    """
    with_comma = [cell for cell in cells if "," in cell]
    numbers = [cell for cell in with_comma if is_number(cell, ",")]
    # 1,234 is a number in both; only a cell that is none with a point decides
    if not is_likely and all(is_number(cell, ".") for cell in numbers):
        return False
    return bool(with_comma) and len(numbers) > len(with_comma) / 2


def is_number(text: str, decimal: str = ".") -> bool:
    """Return whether a text is a number, plain or as ``plain_number`` reads it."""
    return _is_plain(plain_number(text, decimal))


def is_known_unit(unit: str) -> bool:
    """Return whether a unit or a currency is one that is known, such as kg."""
    return unit in _UNITS or unit in _SIGNS or unit in _CURRENCIES


def _has_letters(text: str) -> bool:
    return any(letter.isalpha() and letter not in "eE" for letter in text)  # e and E belong to powers


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None
