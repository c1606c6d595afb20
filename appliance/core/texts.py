"""Texts as booths send them: bytes in one of many code pages, with or without a word about which.

What a sender declares counts first, then a byte-order mark, then UTF-8, then the Cyrillic Windows
code page, which any byte can be read in.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from urllib.parse import unquote_to_bytes

MAX_NAME_CHARS = 255
MAX_QUERY_VALUES = 200  # as many as text fields; thousands are as much work as a photo

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029]+")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]+")
_BRACED = re.compile(r"\{([^{}]*)\}")
_MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_WIDE = frozenset({"utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})
# Python knows more names, some of which are no code pages and costly to read.
_CODE_PAGES = _WIDE | {
    *(f"cp{number}" for number in (437, 850, 852, 855, 857, 866, 874, 932, 949, 950)),
    *(f"cp125{number}" for number in range(9)),
    *(f"iso8859-{number}" for number in (*range(1, 12), *range(13, 17))),
    *("ascii", "utf-8", "koi8-r", "koi8-u", "kz1048", "mac-cyrillic", "mac-roman"),
    *("big5", "euc_jp", "euc_kr", "gb18030", "gb2312", "gbk", "iso2022_jp", "shift_jis", "tis-620"),
}
_MEANT = {"ascii": "cp1252", "iso8859-1": "cp1252"}  # as browsers read them


def clean_text(text: str) -> str:
    """A value as it can be kept: without NULs and lone surrogates, which no database takes."""
    return _UNSTORABLE.sub("", text)


def decode_text(raw: bytes, declared: str | None = None) -> str:
    """``raw`` as text, cleaned; ``declared`` is the character set that its sender named, if any."""
    return clean_text(_decoded(raw, _code_page(declared)))


def _decoded(raw: bytes, code_page: str | None) -> str:
    guesses = [code_page] if code_page else []
    if code_page not in _WIDE:  # the marks of 16 bits are letters of 8-bit code pages that are declared
        guesses[:0] = [name for mark, name in _MARKS[: 1 if code_page else None] if raw.startswith(mark)]
    for name in (*guesses, "utf-8"):
        try:
            return raw.decode(name).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
    return raw.decode("cp1251", errors="replace")


def _code_page(declared: str | None) -> str | None:
    """The code page by its name in Python; ``None`` where none is declared that is known."""
    try:
        found = codecs.lookup((declared or "").strip(" \t\"'")).name
    except (LookupError, ValueError):
        return None
    return _MEANT.get(found, found) if found in _CODE_PAGES else None


def clean_name(raw: str, declared: str | None = None) -> str:
    """A field's name as the client sent it (read as Latin-1), without control characters and not long.

    Breeze Booth calls its QR values ``{qr1}``: the braces are not part of the name.
    """
    name = decode_text(raw.encode("latin-1", errors="replace"), declared)
    return _bare(_CONTROL.sub(" ", name).strip())[:MAX_NAME_CHARS]


def clean_file_name(raw: str, declared: str | None = None) -> str:
    """A client's file name, only ever shown: without control characters and folders, and not long."""
    name = decode_text(re.split(r"[/\\]", raw)[-1].encode("latin-1", errors="replace"), declared)
    return _CONTROL.sub(" ", name).strip()[:MAX_NAME_CHARS]


def query_values(query: bytes) -> dict[str, str]:
    """The values in an address's query string, ``MAX_QUERY_VALUES`` at most; of a repeated one the last."""
    found = {}
    for pair in query.split(b"&", MAX_QUERY_VALUES)[:MAX_QUERY_VALUES]:
        name, _, value = pair.partition(b"=")
        if pair:
            found[_bare(_unquoted(name))] = _unquoted(value)
    return found


def plain_digits(typed: str) -> str:
    """What was typed on any keyboard, its digits as ASCII has them and without white space."""
    return "".join(str(unicodedata.decimal(letter, letter)) for letter in "".join(typed.split()))


def _unquoted(raw: bytes) -> str:
    return decode_text(unquote_to_bytes(raw.replace(b"+", b" ")))


def _bare(name: str) -> str:
    braced = _BRACED.fullmatch(name)
    return braced[1].strip() if braced else name
