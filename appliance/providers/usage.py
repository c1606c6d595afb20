"""What an attempt used at its provider, and what that costs. What is not known stays unknown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from appliance.providers.catalogue import Price


@dataclass(frozen=True, slots=True)
class Usage:
    """What the provider says it bills, as far as it says so.

    ``tokens`` are by kind (``image_in``, ``text_in``, ``image_out``, ``text_out``). ``size`` and
    ``quality`` are those by which a picture is priced; ``cost`` is the provider's own sum.
    """

    tokens: Mapping[str, int] = field(default_factory=dict)
    size: str | None = None
    quality: str | None = None
    cost: Money | None = None


def count(said: Any, *path: str) -> int:
    """A number of tokens somewhere in what a provider said; 0 where it is not there or is none."""
    for name in path:
        said = said.get(name) if isinstance(said, dict) else None
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else 0


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a provider's currency."""

    amount: Decimal
    currency: str = "USD"


NOTHING = Money(Decimal(0))  # as an attempt's cost: the provider charges nothing for it


def cost_of(usage: Usage, price: Price | None, *, picture: bool) -> Money | None:
    """What an attempt costs: the provider's own sum, else its tokens', else a picture's price.

    ``picture``: it made one. ``None``: not known.
    """
    if usage.cost is not None:
        return usage.cost
    if price is None:
        return None
    used = {kind: count for kind, count in usage.tokens.items() if count}
    amount = price.of_tokens(**used) if used else None
    if amount is None and picture:
        amount = price.of_picture(usage.size, usage.quality)
    return None if amount is None else Money(amount, price.currency)
