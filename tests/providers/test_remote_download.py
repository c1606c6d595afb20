"""Where pictures are fetched from, and above all from where they are not."""

from __future__ import annotations

import time

import httpx
import pytest

from appliance.core.clock import Deadline
from appliance.providers.base import ProviderBadPicture, ProviderError, ProviderPermanent
from appliance.providers.download import Downloader, is_public
from tests.providers.photos import picture_bytes
from tests.providers.remote import KEY, bench

HEADERS = {"Authorization": f"Bearer {KEY}"}
PUBLIC = "203.0.112.7"
OWN = "https://provider.example"


class Internet:
    """Names, and servers behind numbers; ``asked`` are the requests that reached one."""

    def __init__(self, names: dict[str, list[list[str]]], answer=None) -> None:
        self.names = {name: iter(answers) for name, answers in names.items()}
        self.asked: list[httpx.Request] = []
        self.answer = answer or (lambda _: httpx.Response(200, content=picture_bytes()))

    async def resolve(self, host: str, _port: int) -> list[str]:
        return next(self.names[host])

    def transport(self, _proxy: str | None = None) -> httpx.AsyncBaseTransport:
        def handle(request: httpx.Request) -> httpx.Response:
            self.asked.append(request)
            return self.answer(request)

        return httpx.MockTransport(handle)

    async def fetch(self, url: str, seconds: float = 5.0, waits: tuple[float, ...] = (0.01,)):
        async with httpx.AsyncClient(transport=self.transport()) as client:
            downloader = Downloader(
                client, OWN, resolve=self.resolve, transport=self.transport, waits=waits, max_bytes=200_000
            )
            return await downloader.fetch_picture(url, Deadline.after(seconds), key_headers=HEADERS)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "255.255.255.255", "240.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1",
        "2002:7f00:1::", "2001:db8::1", "2001::1", "not an address",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", PUBLIC, "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_addresses_that_are_public(address):
    assert is_public(address)


async def test_a_public_picture_is_fetched_from_the_number_that_was_checked_without_our_key():
    internet = Internet({"cdn.example": [[PUBLIC]]})
    edited = await internet.fetch("https://cdn.example:8443/a.jpg?x=1")
    [request] = internet.asked
    assert (request.url.host, request.url.port) == (PUBLIC, 8443)
    assert request.headers["host"] == "cdn.example:8443"
    assert request.extensions["sni_hostname"] == "cdn.example"
    assert "authorization" not in request.headers
    assert (edited.width, edited.height, edited.media_type) == (300, 400, "image/jpeg")


async def test_a_name_that_changes_its_mind_after_the_check_gains_nothing():
    internet = Internet({"rebinding.example": [[PUBLIC], ["127.0.0.1"]]})
    await internet.fetch("http://rebinding.example/a.jpg")
    assert [request.url.host for request in internet.asked] == [PUBLIC]


async def test_one_private_number_among_public_ones_is_enough_to_refuse():
    internet = Internet({"mixed.example": [[PUBLIC, "10.1.2.3"]]})
    with pytest.raises(ProviderPermanent, match="forbidden_address"):
        await internet.fetch("http://mixed.example/a.jpg")
    assert internet.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.jpg", "http://127.1/a.jpg", "http://2130706433/a.jpg", "http://0x7f.1/a.jpg",
        "http://localhost/a.jpg", "http://[::1]/a.jpg", "http://[::ffff:127.0.0.1]/a.jpg",
        "http://169.254.169.254/latest/meta-data/", "http://192.168.0.1:8080/a.jpg",
    ],
)  # fmt: skip
async def test_an_address_of_the_machine_or_the_venue_is_refused(url):
    async with httpx.AsyncClient() as client:
        with pytest.raises(ProviderPermanent, match="forbidden_address"):
            await Downloader(client, OWN).fetch_picture(url, Deadline.after(5))


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd", "ftp://cdn.example/a.jpg", "gopher://cdn.example/", "//", "",
        "data:image/png;base64,AA", "https://name:word@cdn.example/a.jpg", "http://[::1/a.jpg", "https:///a.jpg",
    ],
)  # fmt: skip
async def test_an_address_of_another_kind_is_refused(url):
    with pytest.raises(ProviderPermanent, match="bad_download_address"):
        await Internet({}).fetch(url)


async def test_the_providers_own_origin_gets_the_key_and_no_look_up():
    internet = Internet({})
    await internet.fetch(f"{OWN}/download.php?f=1.png")
    [request] = internet.asked
    assert request.headers["authorization"] == HEADERS["Authorization"]


@pytest.mark.parametrize("url", ["http://provider.example/a.jpg", "https://provider.example:444/a.jpg"])
async def test_the_providers_host_on_another_port_or_in_clear_does_not_get_the_key(url):
    internet = Internet({"provider.example": [[PUBLIC]]})
    await internet.fetch(url)
    assert "authorization" not in internet.asked[0].headers


def moved_to(target: str, status: int = 302):
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/moved":
            return httpx.Response(status, headers={"Location": target})
        return httpx.Response(200, content=picture_bytes())

    return answer


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:5432/", "https://inside.example/a.jpg", "//inside.example/a"]
)
async def test_each_hop_of_a_redirect_is_checked(target):
    names = {"cdn.example": [[PUBLIC]], "inside.example": [["10.0.0.5"]], "127.0.0.1": [["127.0.0.1"]]}
    internet = Internet(names, moved_to(target))
    with pytest.raises(ProviderPermanent, match=r"forbidden_address|insecure_redirect"):
        await internet.fetch("https://cdn.example/moved")
    assert len(internet.asked) == 1


async def test_a_redirect_to_a_public_place_is_followed_without_the_key():
    internet = Internet({"cdn.example": [[PUBLIC]]}, moved_to("https://cdn.example/b.jpg"))
    edited = await internet.fetch(f"{OWN}/moved")
    assert edited.width == 300
    first, second = internet.asked
    assert "authorization" in first.headers
    assert "authorization" not in second.headers
    assert second.url.host == PUBLIC


async def test_endless_redirects_end():
    internet = Internet({"cdn.example": [[PUBLIC]] * 9}, moved_to("/moved"))
    with pytest.raises(ProviderPermanent, match="too_many_redirects"):
        await internet.fetch("https://cdn.example/moved")


async def test_a_real_redirect_of_the_providers_server_into_the_machine_is_refused(tmp_path):
    async with bench("turbotext", tmp_path) as at, bench("turbotext", tmp_path) as inside:
        at.standin.redirects["there"] = f"{inside.base_url}/download.php"
        with pytest.raises(ProviderPermanent, match="forbidden_address"):
            await at.driver._downloader.fetch_picture(f"{at.base_url}/moved/there", Deadline.after(5))
        assert inside.standin.calls == []


@pytest.mark.parametrize("status", [403, 404, 410, 503])
async def test_a_picture_that_is_not_there_yet_is_asked_for_again(status):
    answers = iter(
        [httpx.Response(status), httpx.Response(status), httpx.Response(200, content=picture_bytes())]
    )
    internet = Internet({}, lambda _: next(answers))
    assert (await internet.fetch(f"{OWN}/a.jpg", waits=(0.01, 0.01))).width == 300
    assert len(internet.asked) == 3


async def test_a_picture_that_cannot_be_had_counts_among_those_that_are_billed():
    internet = Internet({}, lambda _: httpx.Response(401))
    with pytest.raises(ProviderBadPicture, match="download_401"):
        await internet.fetch(f"{OWN}/a.jpg")


async def test_a_connection_that_breaks_is_tried_again_for_as_long_as_there_is_time():
    def answer(_: httpx.Request) -> httpx.Response:
        if len(internet.asked) < 9:
            raise httpx.ReadError("")
        return httpx.Response(200, content=picture_bytes())

    internet = Internet({}, answer)
    assert (await internet.fetch(f"{OWN}/a.jpg", waits=(0.02, 0.01))).width == 300


@pytest.mark.parametrize("status", [403, 404])
async def test_no_try_is_started_that_cannot_end_before_the_deadline(status):
    internet = Internet({}, lambda _: httpx.Response(status))
    started = time.monotonic()
    with pytest.raises(ProviderError, match=f"download_{status}") as failed:
        await internet.fetch(f"{OWN}/a.jpg", seconds=0.5, waits=(5.0,))
    assert time.monotonic() - started < 0.4
    assert not failed.value.again
    assert len(internet.asked) == 1


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (lambda: httpx.Response(401), "download_401"),
        (lambda: httpx.Response(200, content=b"<html>sign in</html>"), "not_a_picture"),
        (lambda: httpx.Response(200, content=b"GIF89a" + bytes(100)), "not_a_picture"),
        (lambda: httpx.Response(200, content=picture_bytes()[:9000]), "undecodable_picture"),
        (lambda: httpx.Response(200, content=b"\xff\xd8\xff" + bytes(300_000)), "answer_too_large"),
        (lambda: httpx.Response(200, content=picture_bytes(size=(20, 20))), "picture_too_small"),
    ],
)
async def test_what_is_not_a_whole_picture_does_not_count(response, reason):
    internet = Internet({}, lambda _: response())
    with pytest.raises(ProviderError) as failed:
        await internet.fetch(f"{OWN}/a.jpg")
    assert failed.value.reason == reason


async def test_the_second_number_is_tried_when_the_first_does_not_answer():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.host == PUBLIC:
            raise httpx.ConnectError("")
        return httpx.Response(200, content=picture_bytes())

    internet = Internet({"cdn.example": [[PUBLIC, "8.8.8.8"]]}, answer)
    assert (await internet.fetch("https://cdn.example/a.jpg")).width == 300
