"""API keys: several per provider, taken in turn, set aside when a provider refuses them.

A refused or spent key rests as a whole, one at its rate limit only for the model that said so:
providers count calls for each model.

They come from the database (``stored_keys.py``) and from ``SECRETS_DIR/provider-keys/{provider}``, one
a line; a changed file is in effect at the next photo. A key is sent to no other origin than the one it
is for: that of the file's keys is the deployment's own address of the provider, or what a line
``# origin: https://…`` above them says.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import structlog

from appliance.core.clock import stamp, utcnow
from appliance.core.secrets import file_version
from appliance.core.siblings import ALONE, Siblings
from appliance.core.tasks import begin
from appliance.core.web_address import parse_address
from appliance.providers.base import ProviderBadKey, ProviderError, ProviderSpent
from appliance.providers.pauses import Pause, Pauses
from appliance.settings.operator import OperatorSettings

log = structlog.get_logger()

FOLDER = "provider-keys"  # in the folder of secret files
QUOTA_SECONDS = 30.0  # how long a key without quota rests when the provider names no time
SPENT_SECONDS = 900.0  # likewise when its money or daily quota is used up
REFUSED_SECONDS = 600.0  # how long a refused key rests: it may be put right at the provider
TROUBLE_SECONDS = 30 * 86400.0  # after its rest a key nobody used is known to have been refused for so long
_ORIGIN = re.compile(r"#\s*origin:\s*(\S+)")
_SPENT = frozenset({"LIMIT"})  # Turbotext's word for either
_PROVED = "key_proved"


class KeySource(Protocol):
    """Where a provider's keys come from."""

    def keys(self, provider: str) -> Sequence[str]:
        """The keys in force now."""
        ...

    def unreadable(self, provider: str) -> int:
        """How many more there are that cannot be decrypted."""
        ...

    def proven_at(self, provider: str, key: str) -> datetime | None:
        """When a test last showed that the provider accepts this key, as far as that is kept."""
        ...

    def elsewhere(self, provider: str) -> int:
        """How many more there are that belong to another address than the one in force."""
        ...

    async def refresh(self) -> None:
        """Take up what was changed elsewhere; never fails, and mostly costs nothing."""
        ...


class Origins(Protocol):
    """To whom providers' keys are sent: scheme, host and port."""

    def origin(self, name: str) -> str:
        """With the address in force."""
        ...

    def deployed_origin(self, name: str) -> str:
        """With the address that the deployment sets, or the provider's usual one."""
        ...

    def origins(self, settings: OperatorSettings) -> Mapping[str, str]:
        """With ``settings``, of every provider that takes keys."""
        ...


@dataclass(frozen=True, slots=True)
class FileKey:
    """A key of a secret file; ``origin`` is ``None`` for the deployment's own address."""

    key: str = field(repr=False)
    origin: str | None = None

    def origin_of(self, provider: str, origins: Origins) -> str:
        """To whom it is sent."""
        return origins.deployed_origin(provider) if self.origin is None else self.origin


class KeyFiles:
    """Keys in secret files, read again when a file has changed."""

    def __init__(self, secrets_dir: Path) -> None:
        self._folder = secrets_dir / FOLDER
        self._read: dict[str, tuple[tuple[int, int], tuple[FileKey, ...]]] = {}

    def keys(self, provider: str) -> tuple[FileKey, ...]:
        """The lines of the provider's file; none when there is no file."""
        path = self._folder / provider
        try:
            changed, known = file_version(path), self._read.get(provider)
            if known is None or known[0] != changed:
                text = path.read_text(encoding="utf-8", errors="replace")
                known = self._read[provider] = (changed, tuple(_keys_in(text)))
        except FileNotFoundError:
            return ()
        except OSError as error:
            log.warning("provider_keys.file_unreadable", provider=provider, error=type(error).__name__)
            return ()
        return known[1]


def _keys_in(text: str) -> Iterator[FileKey]:
    """The keys of a file, each once. What is no address after ``# origin:`` lets nobody have them."""
    origin: str | None = None
    seen: set[str] = set()
    for line in filter(None, map(str.strip, text.splitlines())):
        if line.startswith("#"):
            if found := _ORIGIN.fullmatch(line):
                try:
                    origin = parse_address(found[1]).origin
                except ValueError:
                    origin = ""
        elif line not in seen:
            seen.add(line)
            yield FileKey(line, origin)


def rest_seconds(error: ProviderError) -> float:
    """How long a key rests after a provider refused it, or said that its quota is used up."""
    if isinstance(error, ProviderBadKey):
        return REFUSED_SECONDS
    if error.retry_after is not None:
        return max(0.5, error.retry_after)
    return SPENT_SECONDS if is_spent(error) else QUOTA_SECONDS


def rests_whole(error: ProviderError) -> bool:
    """Whether a key rests for every model: it was refused, or the money behind it is spent."""
    return isinstance(error, ProviderBadKey) or is_spent(error)


def is_spent(error: ProviderError) -> bool:
    """Whether the money or the daily quota behind a key is used up."""
    return isinstance(error, ProviderSpent) or error.reason in _SPENT


def ends_in(key: str) -> str:
    """A key as it may be shown: its last four characters, fewer of a short one."""
    return "…" + key[-min(4, len(key) // 4) :] if len(key) >= 4 else "…"


@dataclass(slots=True)
class KeyState:
    """A key as an operator sees it; ``rests_for`` is in seconds, 0 when it is in use.

    ``models``: those for which it rests; empty: for all.
    """

    ends_in: str
    rests_for: float = 0.0
    reason: str | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyTrouble:
    """A key that was refused, or whose money is ``spent``, and no picture or test says otherwise since."""

    ends_in: str
    reason: str
    spent: bool
    since: datetime


@dataclass(slots=True)
class KeyRing:
    """All providers' keys, and which of them rest.

    ``model`` is the one that is to be asked; ``None`` where a provider has none.
    """

    source: KeySource
    pauses: Pauses = field(default_factory=Pauses)
    _turn: dict[str, int] = field(default_factory=dict)
    _proven: dict[str, datetime] = field(default_factory=dict)
    _siblings: Siblings = ALONE

    def between(self, siblings: Siblings) -> None:
        """Have a test made here count in the other processes: of those of keys in files nothing is kept."""
        self._siblings = siblings
        siblings.on(_PROVED, self._heard_proved)

    async def refresh(self) -> None:
        """Take up keys that were entered or removed in another process."""
        await self.source.refresh()

    def take(
        self, provider: str, model: str | None = None, without: Collection[str] = frozenset()
    ) -> str | None:
        """The next usable key of ``provider`` that is not in ``without``; ``None`` when there is none."""
        usable = [key for key in self.usable(provider, model) if key not in without]
        if not usable:
            return None
        turn = self._turn.get(provider, 0)
        self._turn[provider] = turn + 1
        return usable[turn % len(usable)]

    def usable(self, provider: str, model: str | None = None) -> list[str]:
        """The keys that do not rest."""
        return [key for key in self.source.keys(provider) if not self._rests_for(provider, key, model)]

    def configured(self, provider: str) -> bool:
        """Whether the provider has any key at all."""
        return bool(self.source.keys(provider))

    def is_only(self, provider: str, key: str) -> bool:
        """Whether the provider has no other key: what this one's account lacks, another's might have."""
        return list(self.source.keys(provider)) == [key]

    def lacks(self, provider: str) -> str:
        """The reason for which a provider has no key: ``no_key``, ``unreadable_key`` or, where its
        keys belong to another address, ``key_of_other_address``.
        """
        if self.source.elsewhere(provider):
            return "key_of_other_address"
        return "unreadable_key" if self.source.unreadable(provider) else "no_key"

    def set_aside(
        self,
        provider: str,
        key: str,
        seconds: float,
        reason: str,
        model: str | None = None,
        *,
        spent: bool = False,
    ) -> None:
        """Let a key rest for ``seconds``, for ``model`` only or for all; it comes back by itself."""
        name = _rest(provider, key, model)
        until = self.pauses.clock() + seconds
        if model is not None:
            self.pauses.begin(name, Pause(until, reason))
            return
        before = self.pauses.get(name)
        since = before.since if before and before.since else utcnow()
        self.pauses.begin(name, Pause(until, reason, TROUBLE_SECONDS, spent, since))

    def worked(self, provider: str, key: str) -> None:
        """A picture came by this key."""
        name = _rest(provider, key)
        found = self.pauses.get(name)
        if found is None or found.since is None:
            return
        if self.pauses.left(name):  # it was asked before the key was set aside
            self.pauses.begin(name, replace(found, kept=0.0, since=None))
        else:
            self.pauses.end(name)

    def troubles(self, provider: str) -> list[KeyTrouble]:
        """The keys in force that were refused or are spent: those at rest, and those not tried since."""
        found = ((key, self.pauses.get(_rest(provider, key))) for key in self.source.keys(provider))
        return [
            KeyTrouble(ends_in(key), rest.reason, rest.spent, rest.since)
            for key, rest in found
            if rest is not None and rest.since is not None
        ]

    def use_again(self, provider: str, key: str) -> None:
        """End a key's rest now, for every model."""
        whole = _rest(provider, key)
        for model in self.pauses.beginning_with(whole):
            self.pauses.end(whole + model)

    def proved(self, provider: str, key: str, at: datetime) -> None:
        """A test showed that the provider accepts a key: it does not rest any more."""
        self.use_again(provider, key)
        name = _rest(provider, key)
        self._proven[name] = at
        if self._siblings is not ALONE:
            begin(self._siblings.ask(_PROVED, name=name, at=stamp(at)))

    async def _heard_proved(self, facts: dict[str, Any]) -> None:
        self._proven[facts["name"]] = datetime.fromisoformat(facts["at"])

    def proven_since(self, provider: str, model: str | None, at: datetime) -> datetime | None:
        """When the newest test after ``at`` showed that a usable key is accepted; ``None``: none did."""
        found = [
            when
            for key in self.usable(provider, model)
            for when in (self._proven.get(_rest(provider, key)), self.source.proven_at(provider, key))
            if when is not None and when > at
        ]
        return max(found, default=None)

    def seconds_until_usable(self, provider: str, model: str | None = None) -> float | None:
        """How long until a key comes back: 0 if one is usable, ``None`` if there are no keys."""
        keys = self.source.keys(provider)
        if not keys:
            return None
        return min(self._rests_for(provider, key, model) for key in keys)

    def states(self, provider: str) -> list[KeyState]:
        """Every key of a provider, for the operator."""
        return [self.state(provider, key) for key in self.source.keys(provider)]

    def state(self, provider: str, key: str) -> KeyState:
        """One key, for the operator."""
        now = self.pauses.clock()
        found = self.pauses.beginning_with(_rest(provider, key))
        rests = {model: rest for model, rest in found.items() if rest.until > now}
        if not rests:
            return KeyState(ends_in(key))
        longest = rests.get("") or max(rests.values(), key=lambda rest: rest.until)
        models = () if "" in rests else tuple(rests)
        return KeyState(ends_in(key), round(longest.until - now, 1), longest.reason, models)

    def _rests_for(self, provider: str, key: str, model: str | None) -> float:
        """Seconds for which a key still rests, as a whole or for ``model``."""
        return max(self.pauses.left(_rest(provider, key, one)) for one in {None, model})


def _rest(provider: str, key: str, model: str | None = None) -> str:
    """The name of a key's rest, which may stand in the database: no key is to be found there."""
    digest = hashlib.sha256(f"{provider} {key}".encode()).hexdigest()[:32]
    return f"key {provider} {digest} {model or ''}"
