"""The front door of the stack, as its first step writes it, on a real Nginx without an engine."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from appliance.lifecycle.stack import certificates, front_door
from appliance.lifecycle.stack.front_door import FrontDoorSettings
from tests.edge.front_door import Backend, FrontDoor, Handler, read_body, reply, serving
from tests.support.stack import free_port

NAMES = ["photos.local", "127.0.0.1"]


@dataclass(frozen=True)
class StackDoor:
    """What a venue's Nginx is given, and where it answers."""

    folder: Path
    plain: FrontDoor
    https_port: int

    @property
    def tls(self) -> Path:
        return self.folder / "tls"

    def shut(self) -> None:
        """As ``scripts/upgrade`` does."""
        (self.folder / "run" / "closed").touch()

    def open(self) -> None:
        (self.folder / "run" / "closed").unlink()

    def write(self, wishes: FrontDoorSettings) -> None:
        """As the first step writes it, but for the places that are a container's own."""
        front_door.write(self.folder, str(self.plain.media), wishes)
        ours = {
            "/tmp/nginx-body": str(self.folder / "bodies"),
            "/tmp/nginx": str(self.folder / "run"),
            "/dev/stdout": str(self.plain.logs / "access.log"),
            "listen 8080": f"listen 127.0.0.1:{self.plain.port}",
            "listen 8443": f"listen 127.0.0.1:{self.https_port}",
            "listen [::]:8080": f"listen [::1]:{self.plain.port}",
            "listen [::]:8443": f"listen [::1]:{self.https_port}",
        }
        for file in self.folder.rglob("*.conf"):
            text = re.sub("|".join(map(re.escape, ours)), lambda found: ours[found[0]], file.read_text())
            file.write_text(text)

    def encrypted(self, authority: Path | None = None) -> httpx.Response:
        """``/healthz`` for whoever trusts ``authority`` and nobody else."""
        trust = ssl.create_default_context(cafile=str(authority) if authority else None)
        with httpx.Client(http2=True, verify=trust, trust_env=False) as browser:
            return browser.get(f"https://127.0.0.1:{self.https_port}/healthz")


def answer(request: Handler) -> None:
    """As an app that takes what it is sent."""
    if request.command == "POST":
        read_body(request)
    reply(request, body=b"the app")


Open = Callable[..., contextlib.AbstractContextManager[StackDoor]]


@pytest.fixture
def laid_out(tmp_path: Path, backend: Backend, monkeypatch: pytest.MonkeyPatch) -> StackDoor:
    """The folder, with nothing in it that Nginx is to serve."""
    monkeypatch.setenv("PHOTOCHANGER_LISTEN", f"127.0.0.1:{backend.port}")
    for path in ("/healthz", "/admin/login", "/api/slots", "/api/ingest/slot-001", "/r/some-job"):
        backend.on(path, answer)
    backend.on("/ca.crt", lambda request: reply(request, 404))
    plain = FrontDoor(free_port(), tmp_path / "media", tmp_path / "logs")
    folder = tmp_path / "front"
    for made in (plain.media, plain.logs, folder, folder / "run"):
        made.mkdir()
    return StackDoor(folder, plain, free_port())


@pytest.fixture
def opened(laid_out: StackDoor) -> Open:
    """``with opened(admin_networks="10.0.0.0/8") as door:``."""

    @contextlib.contextmanager
    def start(**wishes: str) -> Iterator[StackDoor]:
        laid_out.write(FrontDoorSettings(**wishes))
        with serving(laid_out.folder, laid_out.plain):
            yield laid_out

    return start


@pytest.fixture
def own_authority(laid_out: StackDoor, tmp_path: Path) -> Path:
    """A certificate under the appliance's own authority; the authority's certificate."""
    certificates.make(tmp_path / "secrets", laid_out.tls, NAMES)
    return laid_out.tls / certificates.AUTHORITY


def test_whoever_installs_the_downloaded_root_sees_no_warning_and_speaks_http2(
    own_authority: Path, opened: Open, tmp_path: Path
) -> None:
    with opened() as door:
        root = door.plain.get("/ca.crt")
        (tmp_path / "root").write_bytes(root.body)
        answer = door.encrypted(tmp_path / "root")
    assert root.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert answer.headers["strict-transport-security"] == "max-age=2592000"
    assert "Strict-Transport-Security" not in root.headers


@pytest.mark.usefixtures("own_authority")
def test_whoever_does_not_is_warned(opened: Open) -> None:
    with opened() as door, pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        door.encrypted()


def test_a_second_certificate_is_trusted_by_whoever_trusts_the_first(
    own_authority: Path, laid_out: StackDoor, opened: Open, tmp_path: Path
) -> None:
    installed = tmp_path / "installed"
    installed.write_bytes(own_authority.read_bytes())
    first = (laid_out.tls / certificates.CERTIFICATE).read_bytes()
    certificates.make(tmp_path / "secrets", laid_out.tls, NAMES)
    assert (laid_out.tls / certificates.CERTIFICATE).read_bytes() != first
    with opened() as door:
        assert door.encrypted(installed).status_code == 200


@pytest.mark.usefixtures("own_authority")
@pytest.mark.parametrize(("port", "shown"), [("8443", ":8443"), ("192.168.1.20:8443", ":8443"), ("443", "")])
def test_administrators_are_led_to_https_with_their_query(opened: Open, port: str, shown: str) -> None:
    with opened(https_port=port) as door:
        led = door.plain.get("/admin/login?next=x", Host="photos.local")
    assert (led.status, led.headers["Location"]) == (308, f"https://photos.local{shown}/admin/login?next=x")


@pytest.mark.usefixtures("own_authority")
def test_booths_and_guests_are_not_led_to_https(opened: Open) -> None:
    with opened() as door:
        assert door.plain.ask("POST", "/api/ingest/slot-001", b"photo").status == 200
        assert door.plain.get("/r/some-job").status == 200


@pytest.mark.usefixtures("own_authority")
def test_guests_are_led_to_https_where_all_is_wished(opened: Open) -> None:
    with opened(https_redirect="all") as door:
        assert door.plain.get("/r/some-job").status == 308
        assert door.plain.get("/healthz").status == 200
        assert door.plain.ask("POST", "/api/ingest/slot-001", b"photo").status == 200


@pytest.mark.usefixtures("own_authority")
def test_a_certificate_that_lies_there_leads_nobody_to_https_where_it_is_off(opened: Open) -> None:
    with opened(https="off", https_redirect="all") as door:
        assert door.plain.get("/admin/login").status == 200
        with pytest.raises(httpx.ConnectError):
            door.encrypted()


def test_a_certificate_that_somebody_brings_is_taken_and_the_old_root_is_not_offered(
    own_authority: Path, laid_out: StackDoor, opened: Open, tmp_path: Path
) -> None:
    certificates.make(tmp_path / "elsewhere", tmp_path / "site", NAMES)
    assert certificates.bring(tmp_path / "site", laid_out.tls)
    assert not own_authority.exists()
    with opened() as door:
        assert door.encrypted(tmp_path / "site" / certificates.AUTHORITY).status_code == 200
        assert door.plain.get("/ca.crt").status == 404


def test_a_certificate_and_a_key_that_do_not_belong_together_change_nothing(
    own_authority: Path, laid_out: StackDoor, tmp_path: Path
) -> None:
    for name in ("one", "other"):
        certificates.make(tmp_path / name, tmp_path / name, NAMES)
    (tmp_path / "one" / certificates.KEY).write_bytes((tmp_path / "other" / certificates.KEY).read_bytes())
    with pytest.raises(ValueError, match="do not belong together"):
        certificates.bring(tmp_path / "one", laid_out.tls)
    assert own_authority.exists()


def test_the_admin_pages_are_not_there_for_other_networks(opened: Open) -> None:
    with opened(admin_networks="10.99.0.0/16, 192.168.7.5") as door:
        assert [door.plain.get(path).status for path in ("/admin/login", "/api/slots")] == [404, 404]
        assert door.plain.ask("POST", "/api/ingest/slot-001", b"photo").status == 200
        assert door.plain.get("/r/some-job").status == 200


def test_the_admin_pages_are_there_for_a_network_that_is_named(opened: Open) -> None:
    with opened(admin_networks="10.99.0.0/16 127.0.0.0/8") as door:
        assert [door.plain.get(path).status for path in ("/admin/login", "/api/slots")] == [200, 200]


@pytest.mark.parametrize(
    "wishes", [{"admin_networks": "office"}, {"https_redirect": "sometimes"}], ids=["network", "redirect"]
)
def test_a_wish_that_cannot_be_understood_is_refused(
    laid_out: StackDoor, own_authority: Path, wishes: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=r"office|HTTPS_REDIRECT"):
        laid_out.write(FrontDoorSettings(**wishes))


def test_a_shut_door_tells_everybody_to_come_back_and_opens_without_a_restart(opened: Open) -> None:
    with opened() as door:
        door.shut()
        refused = door.plain.ask("POST", "/api/ingest/slot-001", b"photo")
        guest = door.plain.get("/r/some-job")
        door.open()
        assert door.plain.ask("POST", "/api/ingest/slot-001", b"photo").status == 200
    assert (refused.status, refused.error["code"]) == (503, "service_unavailable")
    assert int(refused.headers["Retry-After"]) == refused.error["retry_after"] > 0
    assert guest.status == 503
