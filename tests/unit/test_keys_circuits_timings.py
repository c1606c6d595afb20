"""What the route engine remembers: resting keys, open circuits, how long a route takes."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from appliance.core.clock import utcnow
from appliance.core.db import Database
from appliance.core.encryption import EncryptionKeys
from appliance.core.siblings import Siblings
from appliance.providers.base import ProviderBadKey, ProviderError, ProviderQuota, ProviderSpent
from appliance.providers.breaker import FAILURES_TO_OPEN, OPEN_SECONDS, Circuit
from appliance.providers.keys import KeyFiles, KeyRing, ends_in, rests_whole
from appliance.providers.pauses import Pauses
from appliance.providers.registry import ProviderRegistry
from appliance.providers.stored_keys import AllKeys, StoredKeys
from appliance.providers.timings import ENOUGH, RouteTimings
from appliance.settings.operator import OperatorSettings
from tests.support.waiting import until


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def key_file(folder: Path, *keys: str) -> None:
    (folder / "provider-keys").mkdir(exist_ok=True)
    (folder / "provider-keys/gemini").write_text("\n".join(keys))


def ring_of(folder: Path, clock: Clock) -> KeyRing:
    """Keys from files only: the database is never asked."""
    return ring_with(folder, clock, ProviderRegistry(OperatorSettings()))


def ring_with(folder: Path, clock: Clock, registry: ProviderRegistry) -> KeyRing:
    stored = StoredKeys(cast("Database", None), EncryptionKeys(folder))
    return KeyRing(AllKeys(stored, KeyFiles(folder), registry), Pauses(clock))


def test_keys_are_taken_in_turn(tmp_path: Path, clock: Clock) -> None:
    key_file(tmp_path, "# venue A", "key-a", "", "key-b", "key-a")
    ring = ring_of(tmp_path, clock)
    assert [ring.take("gemini") for _ in range(3)] == ["key-a", "key-b", "key-a"]


def test_a_refused_key_is_in_trouble_until_a_picture_or_a_test_says_otherwise(
    tmp_path: Path, clock: Clock
) -> None:
    key_file(tmp_path, "key-aaaa", "key-bbbb")
    ring = ring_of(tmp_path, clock)
    ring.set_aside("gemini", "key-aaaa", 600, "API_KEY_INVALID")
    ring.set_aside("gemini", "key-bbbb", 30, "RESOURCE_EXHAUSTED", "some-model")  # only at its limit
    clock.now += 601
    (trouble,) = ring.troubles("gemini")
    assert (trouble.ends_in, trouble.reason, trouble.spent) == ("…aa", "API_KEY_INVALID", False)
    ring.set_aside("gemini", "key-aaaa", 900, "insufficient_quota", spent=True)
    (again,) = ring.troubles("gemini")
    assert (again.spent, again.since) == (True, trouble.since)
    ring.worked("gemini", "key-aaaa")
    assert ring.troubles("gemini") == []
    ring.set_aside("gemini", "key-aaaa", 600, "API_KEY_INVALID")
    ring.proved("gemini", "key-aaaa", trouble.since)
    assert ring.troubles("gemini") == []


async def test_a_good_test_of_a_key_in_a_file_counts_in_the_other_process_too(
    tmp_path: Path, clock: Clock
) -> None:
    key_file(tmp_path, "key-aaaa")
    here, there = ring_of(tmp_path, clock), ring_of(tmp_path, clock)
    both = [Siblings(f"unix:{tmp_path}/app.sock", number, 2) for number in (1, 2)]
    for ring, one in zip((here, there), both, strict=True):
        ring.between(one)
        await one.open()
    failed, tested = utcnow() - timedelta(minutes=1), utcnow()
    here.proved("gemini", "key-aaaa", tested)
    assert await until(lambda: there.proven_since("gemini", None, failed)) == tested
    for one in both:
        await one.aclose()


def test_a_key_set_aside_comes_back_after_its_time(tmp_path: Path, clock: Clock) -> None:
    key_file(tmp_path, "key-aaaa", "key-bbbb")
    ring = ring_of(tmp_path, clock)
    ring.set_aside("gemini", "key-aaaa", 30, "RESOURCE_EXHAUSTED")
    assert {ring.take("gemini") for _ in range(4)} == {"key-bbbb"}
    first, second = ring.states("gemini")
    assert (first.reason, first.rests_for) == ("RESOURCE_EXHAUSTED", 30)
    assert second.reason is None
    clock.now += 31
    assert {ring.take("gemini") for _ in range(4)} == {"key-aaaa", "key-bbbb"}


def test_a_changed_key_file_is_in_effect_at_once(tmp_path: Path, clock: Clock) -> None:
    ring = ring_of(tmp_path, clock)
    assert not ring.configured("gemini")
    assert ring.seconds_until_usable("gemini") is None
    key_file(tmp_path, "new-key")
    assert ring.take("gemini") == "new-key"


def test_a_key_that_is_used_again_does_not_rest(tmp_path: Path, clock: Clock) -> None:
    key_file(tmp_path, "key-aaaa")
    ring = ring_of(tmp_path, clock)
    ring.set_aside("gemini", "key-aaaa", 600, "API_KEY_INVALID")
    assert ring.take("gemini") is None
    ring.use_again("gemini", "key-aaaa")
    assert ring.take("gemini") == "key-aaaa"


def test_a_key_at_one_models_limit_is_shown_with_the_model(tmp_path: Path, clock: Clock) -> None:
    key_file(tmp_path, "key-aaaa")
    ring = ring_of(tmp_path, clock)
    ring.set_aside("gemini", "key-aaaa", 30, "RESOURCE_EXHAUSTED", "flash")
    assert (ring.take("gemini", "flash"), ring.take("gemini", "pro")) == (None, "key-aaaa")
    (shown,) = ring.states("gemini")
    assert (shown.reason, shown.rests_for, shown.models) == ("RESOURCE_EXHAUSTED", 30, ("flash",))


def test_a_key_that_rests_as_a_whole_is_shown_without_models(tmp_path: Path, clock: Clock) -> None:
    key_file(tmp_path, "key-aaaa")
    ring = ring_of(tmp_path, clock)
    ring.set_aside("gemini", "key-aaaa", 30, "RESOURCE_EXHAUSTED", "flash")
    ring.set_aside("gemini", "key-aaaa", 20, "API_KEY_INVALID")
    (shown,) = ring.states("gemini")
    assert (shown.reason, shown.rests_for, shown.models) == ("API_KEY_INVALID", 20, ())


def test_a_key_that_is_used_again_rests_for_no_model(tmp_path: Path, clock: Clock) -> None:
    key_file(tmp_path, "key-aaaa")
    ring = ring_of(tmp_path, clock)
    ring.set_aside("gemini", "key-aaaa", 30, "RESOURCE_EXHAUSTED", "flash")
    ring.use_again("gemini", "key-aaaa")
    assert ring.take("gemini", "flash") == "key-aaaa"


@pytest.mark.parametrize(
    ("error", "whole"),
    [
        (ProviderBadKey("API_KEY_INVALID"), True),
        (ProviderSpent("insufficient_quota"), True),
        (ProviderSpent("billing_hard_limit_reached"), True),
        (ProviderQuota("LIMIT"), True),
        (ProviderQuota("RESOURCE_EXHAUSTED"), False),
        (ProviderQuota("rate_limit_exceeded"), False),
    ],
)
def test_refused_and_spent_keys_rest_for_every_model(error: ProviderError, whole: bool) -> None:
    assert rests_whole(error) is whole


def at(base_url: str) -> OperatorSettings:
    return OperatorSettings.model_validate({"providers": {"gemini": {"base_url": base_url}}})


def test_a_files_keys_are_for_the_deployments_address_and_for_no_other(tmp_path: Path, clock: Clock) -> None:
    key_file(tmp_path, "key-aaaa")
    registry = ProviderRegistry(OperatorSettings(), {"gemini": "https://proxy.example/google"})
    ring = ring_with(tmp_path, clock, registry)
    assert ring.take("gemini") == "key-aaaa"
    ring = ring_with(tmp_path, clock, ProviderRegistry(at("https://elsewhere.example")))
    assert ring.take("gemini") is None
    assert ring.lacks("gemini") == "key_of_other_address"


def test_a_line_above_a_files_keys_says_for_whom_they_are(tmp_path: Path, clock: Clock) -> None:
    key_file(
        tmp_path, "key-aaaa", "# origin: https://Elsewhere.example:443/path", "key-bbbb", "# note", "key-cccc"
    )
    registry = ProviderRegistry(at("https://elsewhere.example/v9"))
    ring = ring_with(tmp_path, clock, registry)
    assert {ring.take("gemini") for _ in range(4)} == {"key-bbbb", "key-cccc"}
    registry.configure(OperatorSettings())
    assert {ring.take("gemini") for _ in range(4)} == {"key-aaaa"}


@pytest.mark.parametrize(
    "line", ["# origin: elsewhere", "# origin: https://a:b@elsewhere.example", "#origin: x"]
)
def test_keys_below_what_is_no_address_are_sent_to_nobody(tmp_path: Path, clock: Clock, line: str) -> None:
    key_file(tmp_path, line, "key-aaaa")
    ring = ring_of(tmp_path, clock)
    assert ring.take("gemini") is None


def test_a_key_file_that_cannot_be_read_is_none(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "provider-keys/gemini").mkdir(parents=True)
    assert not ring_of(tmp_path, clock).configured("gemini")


@pytest.mark.parametrize(
    ("key", "shown"), [("sk-1234567890abcd", "…abcd"), ("12345678", "…78"), ("abc", "…")]
)
def test_of_a_key_little_is_ever_shown(key: str, shown: str) -> None:
    assert ends_in(key) == shown


def test_a_circuit_opens_after_repeated_failures_and_admits_one_probe(clock: Clock) -> None:
    circuit = Circuit(Pauses(clock), "route of-a-test")
    for _ in range(FAILURES_TO_OPEN):
        assert circuit.admit()
        circuit.failed("http_503")
    assert (circuit.state, circuit.admit()) == ("open", None)
    clock.now += OPEN_SECONDS
    assert circuit.state == "half_open"
    assert [circuit.admit(), circuit.admit()] == ["probe", None]
    circuit.failed("http_503", "probe")
    assert circuit.state == "open"
    clock.now += OPEN_SECONDS
    assert circuit.admit()
    circuit.succeeded()
    assert (circuit.state, circuit.failures) == ("closed", 0)


def test_a_probe_that_says_nothing_lets_the_next_one_try(clock: Clock) -> None:
    circuit = Circuit(Pauses(clock), "route of-a-test")
    for _ in range(FAILURES_TO_OPEN):
        circuit.failed("http_503")
    clock.now += OPEN_SECONDS
    assert circuit.admit()
    circuit.undecided("probe")
    assert circuit.admit()


def test_only_the_probe_itself_frees_its_place(clock: Clock) -> None:
    """A last-chance photo goes without being admitted, and one that was admitted before may end late."""
    circuit = Circuit(Pauses(clock), "route of-a-test")
    early = circuit.admit()
    for _ in range(FAILURES_TO_OPEN):
        circuit.failed("http_503")
    clock.now += OPEN_SECONDS
    assert circuit.admit() == "probe"
    circuit.undecided(early)
    circuit.undecided(None)
    circuit.failed("http_503", None)
    assert (circuit.state, circuit.admit()) == ("half_open", None)


def test_estimates_count_until_enough_was_measured() -> None:
    timings = RouteTimings(cast("Database", None))
    timings.remember("r", [1.0] * (ENOUGH - 1))
    assert timings.percentile("r", 0.5, estimate=8.0) == 8.0
    assert timings.percentile("r", 0.95, estimate=8.0) > 8.0
    timings.remember("r", [1.0])
    assert timings.percentile("r", 0.95, estimate=8.0) == 1.0


def test_percentiles_are_those_of_the_newest_measurements() -> None:
    timings = RouteTimings(cast("Database", None))
    timings.remember("r", [100.0] * 50)
    timings.remember("r", [float(number) for number in range(1, 101)])
    assert timings.percentile("r", 0.5, 0) == 50
    assert timings.percentile("r", 0.9, 0) == 90
    assert timings.percentile("r", 0.95, 0) == 95
