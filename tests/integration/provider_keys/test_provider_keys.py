"""Provider keys over the API: entered, in effect at the next photo, set aside and back, tested, removed."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any

import httpx
import pytest

from tests.standins import Script, StandIn, Step
from tests.support.app_processes import Told
from tests.support.keys import URL, asked_with, entered, listed, made_up
from tests.support.logins import PASSWORD, MakeAccount, bearer, code, log_in
from tests.support.stack import Stack


async def refusal(client: httpx.AsyncClient, **body: Any) -> dict[str, Any]:
    reply = await client.post(URL, json=body)
    assert code(reply) == (422, "validation_failed")
    found: dict[str, Any] = reply.json()["error"]
    return found


async def test_an_entered_key_makes_the_next_photos_picture(
    admin: httpx.AsyncClient, gemini: StandIn, photo: Any
) -> None:
    assert (await photo()).status == 502
    key = made_up("gemini")
    view = await entered(admin, "gemini", f"  {key}\n")
    assert view["ends_in"] == "…" + key[-4:]
    assert view["added_by"] == "serg"
    assert (view["state"], view["source"], view["last_test"]["outcome"]) == ("in_use", "entered", "works")
    assert (await photo()).status == 200
    assert asked_with(gemini) == [key]


async def test_several_keys_are_taken_in_turn_entered_ones_and_those_from_a_file(
    admin: httpx.AsyncClient, gemini: StandIn, stack: Stack, photo: Any, app_processes: int
) -> None:
    keys = [made_up("gemini") for _ in range(3)]
    stack.set_keys("gemini", keys[2])
    await entered(admin, "gemini", keys[0])
    await entered(admin, "gemini", keys[1])
    for _ in range(6):
        assert (await photo()).status == 200
    asked = Counter(asked_with(gemini))
    assert asked.keys() == set(keys)
    assert max(asked.values()) - min(asked.values()) < app_processes, "each process takes them in turn"
    shown = (await listed(admin, "gemini"))["keys"]
    assert [one["source"] for one in shown] == ["entered", "entered", "file"]
    refused = await admin.delete(f"{URL}/{shown[2]['id']}")
    assert "provider-keys/gemini" in refused.json()["error"]["fields"]["id"]


async def test_a_refused_key_is_set_aside_shown_with_its_reason_and_taken_back_by_hand(
    admin: httpx.AsyncClient, gemini: StandIn, photo: Any, told: Told, app_processes: int
) -> None:
    bad, good = made_up("gemini"), made_up("gemini")
    view = await entered(admin, "gemini", bad)
    await entered(admin, "gemini", good)
    gemini.keys = {good}
    for _ in range(2 * app_processes):
        assert (await photo()).status == 200

    async def one_is_left() -> Any:
        found = await listed(admin, "gemini")
        return found if found["usable"] == 1 else None

    provider = await told(one_is_left)
    state = next(one for one in provider["keys"] if one["id"] == view["id"])
    assert (state["state"], state["reason"]) == ("set_aside", "API_KEY_INVALID")
    assert state["back_at"] is not None
    gemini.keys = None
    again = (await admin.post(f"{URL}/{view['id']}/use-again")).json()
    assert (again["state"], again["back_at"]) == ("in_use", None)
    gemini.calls.clear()
    for _ in range(2 * app_processes):
        assert (await photo()).status == 200
    assert set(asked_with(gemini)) == {bad, good}
    newest = (await admin.get("/api/audit", params={"action": "provider_key"})).json()["entries"][0]
    assert newest["action"] == "provider_key.used_again"


async def none_is_usable(admin: httpx.AsyncClient) -> bool:
    return bool((await listed(admin, "gemini"))["usable"] == 0)


async def test_a_key_that_tests_fine_is_no_longer_set_aside(
    admin: httpx.AsyncClient, gemini: StandIn, photo: Any, told: Told
) -> None:
    view = await entered(admin, "gemini", made_up("gemini"))
    gemini.script = Script(then=Step("quota", retry_after=120))
    assert (await photo()).status != 200
    await told(lambda: none_is_usable(admin))
    gemini.script = Script()
    tested = (await admin.post(f"{URL}/{view['id']}/test")).json()
    assert tested["outcome"] == "works"
    assert (await photo()).status == 200
    (shown,) = (await listed(admin, "gemini"))["keys"]
    assert shown["last_test"]["at"] == tested["at"]


async def test_a_key_at_a_rate_limit_is_shown_with_the_model_that_set_it(
    admin: httpx.AsyncClient, gemini: StandIn, photo: Any, told: Told
) -> None:
    view = await entered(admin, "gemini", made_up("gemini"))
    gemini.script = Script([Step("quota", retry_after=120)])
    assert (await photo()).status != 200

    async def shown_as() -> Any:
        (found,) = (await listed(admin, "gemini"))["keys"]
        return found if found["state"] == "set_aside" else None

    shown = await told(shown_as)
    assert (shown["state"], shown["models"]) == ("set_aside", ["gemini-3-pro-image"])
    again = (await admin.post(f"{URL}/{view['id']}/use-again")).json()
    assert (again["state"], again["models"]) == ("in_use", [])
    assert (await photo()).status == 200


async def test_a_removed_key_makes_no_further_picture(
    admin: httpx.AsyncClient, gemini: StandIn, photo: Any
) -> None:
    view = await entered(admin, "gemini", made_up("gemini"))
    assert (await admin.delete(f"{URL}/{view['id']}")).status_code == 204
    assert (await photo()).status == 502
    assert gemini.pictures_asked() == 0
    assert (await listed(admin, "gemini"))["keys"] == []
    assert code(await admin.delete(f"{URL}/{view['id']}")) == (404, "not_found")
    newest = (await admin.get("/api/audit", params={"action": "provider_key"})).json()["entries"][0]
    assert (newest["action"], newest["detail"]) == ("provider_key.removed", {"ends_in": view["ends_in"]})


async def test_a_key_that_is_there_is_refused_wherever_it_came_from(
    admin: httpx.AsyncClient, stack: Stack
) -> None:
    typed, filed = made_up("gemini"), made_up("gemini")
    await entered(admin, "gemini", typed)
    stack.set_keys("gemini", filed)
    by_hand = await refusal(admin, provider="gemini", key=typed)
    assert by_hand["fields"] == {"key": "is there already: serg entered it"}
    from_file = await refusal(admin, provider="gemini", key=filed)
    assert "secret file provider-keys/gemini" in from_file["fields"]["key"]
    await entered(admin, "openai", typed)


async def test_of_two_who_enter_the_same_key_at_once_one_is_told(admin: httpx.AsyncClient) -> None:
    body = {"provider": "gemini", "key": made_up("gemini")}
    replies = await asyncio.gather(*(admin.post(URL, json=body) for _ in range(4)))
    assert sorted(reply.status_code for reply in replies) == [201, 422, 422, 422]


@pytest.mark.parametrize(
    ("body", "field", "said"),
    [
        ({"provider": "gemini", "key": "short"}, "key", "at least 8 characters"),
        ({"provider": "gemini", "key": "two words in it"}, "key", "no spaces"),
        ({"provider": "gemini", "key": "ключ-ключ-ключ"}, "key", "foreign letters"),
        ({"provider": "gemini", "key": "x" * 501}, "key", "at most 500"),
        ({"provider": "local", "key": "12345678"}, "provider", "takes no key"),
        ({"provider": "nobody", "key": "12345678"}, "provider", "bfl, fal, gemini, openai, turbotext"),
        ({"provider": "gemini"}, "key", "is missing"),
    ],
)
async def test_what_can_be_no_key_is_told_by_field(
    admin: httpx.AsyncClient, body: dict[str, str], field: str, said: str
) -> None:
    error = await refusal(admin, **body)
    assert said in error["fields"][field]


async def test_who_may_look_sees_the_list_and_changes_nothing(
    admin: httpx.AsyncClient, place: httpx.AsyncClient, account: MakeAccount
) -> None:
    view = await entered(admin, "gemini", made_up("gemini"))
    operator = bearer(await log_in(place, await account("operator"), PASSWORD))
    assert (await place.get(URL, headers=operator)).status_code == 200
    body = {"provider": "gemini", "key": made_up("gemini")}
    for method, path, sent in (
        ("POST", "", body), ("POST", "/test", body), ("POST", f"/{view['id']}/test", None),
        ("POST", f"/{view['id']}/use-again", None), ("DELETE", f"/{view['id']}", None),
    ):  # fmt: skip
        reply = await place.request(method, URL + path, json=sent, headers=operator)
        assert code(reply) == (403, "permission_denied")
    viewer = bearer(await log_in(place, await account("viewer"), PASSWORD))
    assert code(await place.get(URL, headers=viewer)) == (403, "permission_denied")


@pytest.mark.parametrize(
    ("provider", "step", "outcome"),
    [
        ("gemini", Step(), "works"),
        ("openai", Step(), "works"),
        ("openai", Step("restricted"), "unproven"),
        ("turbotext", Step(), "unproven"),
        ("gemini", Step("bad_key"), "refused"),
        ("openai", Step("bad_key"), "refused"),
        ("turbotext", Step("bad_key"), "refused"),
        ("gemini", Step("quota"), "no_quota"),
        ("openai", Step("quota"), "no_quota"),
        ("turbotext", Step("quota"), "no_quota"),
        ("gemini", Step("unavailable"), "unreachable"),
        ("gemini", Step("html_page"), "unreachable"),
        ("openai", Step("html_page"), "unreachable"),
        ("turbotext", Step("html_page"), "unreachable"),
        ("openai", Step("reset"), "unreachable"),
        ("gemini", Step("bad_request"), "failed"),
        ("gemini", Step("location"), "not_served"),
        ("gemini", Step("service_disabled"), "not_served"),
        ("gemini", Step("billing"), "not_served"),
        ("openai", Step("location"), "not_served"),
        ("openai", Step("empty_account"), "no_quota"),
    ],
)
async def test_a_test_says_what_the_provider_said_and_pays_nothing(
    admin: httpx.AsyncClient, standins: dict[str, StandIn], provider: str, step: Step, outcome: str
) -> None:
    standins[provider].probes = step
    key = made_up(provider)
    reply = await admin.post(f"{URL}/test", json={"provider": provider, "key": key})
    assert reply.json()["outcome"] == outcome
    assert key not in reply.text
    assert standins[provider].pictures_asked() == 0
    assert {call.key for call in standins[provider].calls} == {key}
    assert (await listed(admin, provider))["keys"] == [], "it was not kept"


async def test_a_good_key_that_is_entered_while_the_place_is_refused_is_kept_and_serves_afterwards(
    admin: httpx.AsyncClient, gemini: StandIn, photo: Any
) -> None:
    gemini.probes, gemini.script = Step("location"), Script(["location"])
    key = made_up("gemini")
    view = await entered(admin, "gemini", key)
    tested = view["last_test"]
    assert (view["state"], tested["outcome"], tested["reason"]) == (
        "in_use",
        "not_served",
        "location_unsupported",
    )
    assert "User location is not supported" in tested["detail"]
    refused = await photo()
    assert refused.status == 502
    job = (await admin.get(f"/api/jobs/{refused.headers['x-job-id']}")).json()
    assert "proxy" in job["advice"]["en"]["do"]
    assert (await listed(admin, "gemini"))["keys"][0]["state"] == "in_use"
    assert (await photo()).status == 200


async def test_a_provider_that_never_answers_does_not_hold_a_person_up(
    admin: httpx.AsyncClient, gemini: StandIn
) -> None:
    gemini.probes = Step("silent")
    since = time.monotonic()
    reply = await admin.post(f"{URL}/test", json={"provider": "gemini", "key": made_up("gemini")})
    assert (reply.json()["outcome"], reply.json()["reason"]) == ("unreachable", "too_slow")
    assert time.monotonic() - since < 10


async def test_a_key_that_the_provider_refuses_is_kept_only_on_demand(
    admin: httpx.AsyncClient, gemini: StandIn
) -> None:
    gemini.keys = set()
    key = made_up("gemini")
    error = await refusal(admin, provider="gemini", key=key)
    assert error["fields"]["key"] == "the provider does not accept it (API_KEY_INVALID)"
    assert "was not kept" in error["message"]
    view = await entered(admin, "gemini", key, test=False)
    assert view["last_test"] is None
