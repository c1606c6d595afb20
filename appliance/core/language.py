"""What people read, in their language: gettext catalogs, plural rules, numbers and units.

``appliance/locale/DOMAIN/LANG.po`` holds the words of one language for one kind of reader: ``staff``
(the admin pages) or ``guests`` (the guests' pages). Most messages are named by a key
(``slot.history``), so that English is a translation like any other; what a service finds wrong and
what a provider's parameters are called is named by its English text (``Message``), which is also what
the API says. ``%(name)s`` stands for what is put in; the format is gettext's own, read by Babel.
"""

from __future__ import annotations

import gettext as gettext_module
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Literal, Self

from babel import Locale
from babel.dates import format_date, get_day_names
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_currency, format_decimal
from babel.units import format_unit

Domain = Literal["staff", "guests"]
Texts = Mapping[str, str | tuple[str, ...]]
FOLDER = Path(__file__).parents[1] / "locale"
DEFAULT = "en"
_KB, _MB, _GB = 1000, 1000**2, 1000**3


class Message(str):
    """A sentence in English that can be put into the reader's language later.

    It is the English text itself wherever text is wanted: ``Message("must be %(n)s or less", n=60)``
    equals ``"must be 60 or less"``. A value may be a ``Message`` too.
    """

    __slots__ = ("template", "values")

    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Self:
        made = super().__new__(cls, template % values if values else template)
        made.template, made.values = template, values
        return made

    def as_json(self) -> dict[str, Any]:
        """The template and what is put in, so that it can be said in every language later."""
        values = {
            name: value.as_json() if isinstance(value, Message) else str(value)
            for name, value in self.values.items()
        }
        return {"template": self.template, "values": values}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Self:
        """What ``as_json`` gave."""
        values = {
            name: cls.from_json(value) if isinstance(value, Mapping) else value
            for name, value in found["values"].items()
        }
        return cls(found["template"], **values)

    @classmethod
    def counted(cls, one: str, other: str, /, *, n: int) -> Self:
        """A sentence about ``n`` things; ``one``, its form for a single thing, is its key in the catalogs."""
        made = cls(one if n == 1 else other, n=n)
        made.template = one
        return made


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language for one kind of reader."""

    domain: Domain
    code: str
    locale: Locale

    @property
    def texts(self) -> Texts:
        """Every text by its key."""
        return _read(self.domain, self.code)[0]

    def form_of(self, count: int) -> int:
        """Which plural form goes with a count."""
        return _read(self.domain, self.code)[1](count)

    @property
    def name(self) -> str:
        """What the language calls itself."""
        name = str(self.locale.get_display_name(self.locale))
        return name[:1].upper() + name[1:]

    @property
    def dir(self) -> str:
        """The direction of writing: ``ltr`` or ``rtl``."""
        return str(self.locale.text_direction)

    def has(self, key: str) -> bool:
        """Whether there is such a key."""
        return key in self.texts

    def gettext(self, key: str, /, **values: Any) -> str:
        """The text of ``key``; raises ``KeyError`` for one that is not in the catalog."""
        text = self.texts[key]
        return str(text) % values

    def ngettext(self, key: str, count: int, /, **values: Any) -> str:
        """The form of ``key`` that goes with ``count``, which stands at ``%(n)s``."""
        forms = self.texts[key]
        return str(forms[self.form_of(count)]) % {"n": self.number(count), **values}

    def message(self, finding: str) -> str:
        """A ``Message`` in this language; any other text as it came.

        One whole sentence may have words of its own, such as what a certain pattern means.
        """
        if not isinstance(finding, Message):
            return finding
        if str(finding) in self.texts:
            return str(self.texts[str(finding)])
        text = self.texts.get(finding.template)
        if isinstance(text, tuple):
            text = text[self.form_of(int(finding.values["n"]))]
        template = text or finding.template
        values = {
            name: self.message(value) if isinstance(value, str) else value
            for name, value in finding.values.items()
        }
        return template % values if values else template

    def text(self, english: str) -> str:
        """A fixed English text in this language, such as a parameter's title; itself where unknown."""
        return str(self.texts.get(english) or english)

    def number(self, value: float, digits: int = 0) -> str:
        """A number as this language writes it, with ``digits`` decimals."""
        form = "#,##0." + "0" * digits if digits else "#,##0"
        return str(format_decimal(value, format=form, locale=self.locale))

    def size(self, count: int) -> str:
        """A number of bytes as people read it."""
        for unit, name in ((_GB, "gigabyte"), (_MB, "megabyte"), (_KB, "kilobyte")):
            if count >= unit:
                return self._unit(count / unit, f"digital-{name}", 1 if count < 10 * unit else 0)
        return self._unit(count, "digital-byte")

    def day(self, value: date) -> str:
        """A day with its month's name and its year."""
        return str(format_date(value, "long", locale=self.locale))

    def seconds(self, value: float) -> str:
        """A duration as people read it: 0.8 s, 12 s, 3 min, 2 h, 4 days."""
        if value < 60:
            return self._unit(value, "duration-second", 1 if value < 10 and value % 1 else 0)
        for unit, name in ((86400, "day"), (3600, "hour"), (60, "minute")):
            if value >= unit * (2 if name == "day" else 1):
                whole = abs(value / unit - round(value / unit)) < 0.05
                return self._unit(value / unit, f"duration-{name}", 0 if whole else 1)
        return self._unit(value, "duration-second")

    def _unit(self, value: float, unit: str, digits: int = 0) -> str:
        form = "#,##0." + "0" * digits if digits else "#,##0"
        return str(format_unit(round(value, digits), unit, length="short", format=form, locale=self.locale))

    def money(self, amount: Decimal, currency: str, most: int = 4) -> str:
        """An amount with as many decimals as it has, two at least and ``most`` at most; more of them only
        where it would be shown as nothing.
        """
        if amount and abs(amount) < Decimal(5).scaleb(-most - 1):
            most = 6
        places = min(most, max(2, -int(amount.normalize().as_tuple().exponent)))
        form = "¤#,##0." + "0" * places if self.code == DEFAULT else "#,##0." + "0" * places + "\xa0¤"
        return str(format_currency(amount, currency, format=form, locale=self.locale, currency_digits=False))

    def weekday(self, number: int) -> str:
        """The name of a day, Monday being 0."""
        return str(get_day_names("wide", locale=self.locale)[number])


@cache
def languages(domain: Domain) -> Mapping[str, Language]:
    """Every language there is, by its code; English first, the others in order."""
    codes = sorted(
        (path.stem for path in (FOLDER / domain).glob("*.po")), key=lambda code: (code != DEFAULT, code)
    )
    return {code: Language(domain, code, Locale.parse(code)) for code in codes}


def language(domain: Domain, code: str) -> Language:
    """One language; English if there is none of that code."""
    known = languages(domain)
    return known.get(code) or known[DEFAULT]


def offered(domain: Domain, wanted: Iterable[str]) -> Mapping[str, Language]:
    """The languages an operator chose, in that order; all of them when none was chosen."""
    known = languages(domain)
    return {code: known[code] for code in wanted if code in known} or known


def choose(available: Mapping[str, Language], asked: str | None, accept_language: str) -> Language:
    """The language a reader asked for, else the best for ``Accept-Language``, else the first."""
    if asked is not None and asked in available:
        return available[asked]
    liked = (available[code] for code in preferences(accept_language) if code in available)
    return next(liked, next(iter(available.values())))


def preferences(accept_language: str) -> list[str]:
    """The languages of an ``Accept-Language`` header, the best first."""
    wanted: list[tuple[float, int, str]] = []
    for position, item in enumerate(accept_language.split(",")):
        tag, _, weight = item.replace(" ", "").partition(";q=")
        try:
            quality = float(weight) if weight else 1.0
        except ValueError:
            quality = 0.0
        wanted.append((-quality, position, tag.split("-")[0].lower()))
    return [tag for quality, _, tag in sorted(wanted) if quality < 0]


def read_catalog(domain: Domain, code: str) -> Catalog:
    """A language's file as Babel reads it; raises ``PoFileError`` for one that is broken."""
    with (FOLDER / domain / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code, domain=domain, abort_invalid=True)


@cache
def _read(domain: Domain, code: str) -> tuple[Texts, Callable[[int], int]]:
    """The texts and the plural rule of a language that somebody reads."""
    catalog = read_catalog(domain, code)
    texts: dict[str, str | tuple[str, ...]] = {}
    for message in catalog:
        if message.id:
            key = message.id if isinstance(message.id, str) else message.id[0]
            string = message.string or ""
            texts[key] = string if isinstance(string, str) else tuple(string)
    return texts, gettext_module.c2py(catalog.plural_expr)
