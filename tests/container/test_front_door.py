"""Nginx in front: encryption, the networks of the administrators, files that browsers keep."""

from __future__ import annotations

import json
import re
import ssl
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest

from appliance.core.clock import utcnow
from tests.container.stack import ContainerStack, run
from tests.support.camera import Shot
from tests.support.photos import portrait_jpeg
from tests.support.stack import free_port


@pytest.fixture(scope="module")
def encrypted(box: ContainerStack) -> Iterator[int]:
    """The port on which the box answers by HTTPS, with a certificate of its own authority."""
    port = free_port()
    box.set(HTTPS_PORT=str(port))
    box.script("make-certificate", "photos.local", "127.0.0.1")
    yield port
    box.set(COMPOSE_FILE="", HTTPS_PORT="")
    forget = ("sh", "-c", "rm -r /var/lib/photochanger/front/tls")
    box.compose("run", "--rm", "-T", "--no-deps", "prepare", *forget)
    box.compose("up", "--detach", "--wait")


def trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def answered_in_time(box: ContainerStack, path: str, status: int) -> None:
    """Nginx takes a changed configuration up within two seconds."""
    until = time.monotonic() + 15
    while (answer := box.get(path)).status_code != status:
        assert time.monotonic() < until, f"{path} still answers {answer.status_code}"
        time.sleep(0.2)


def test_whoever_installs_the_root_that_is_downloaded_sees_no_warning_and_speaks_http2(
    box: ContainerStack, encrypted: int, tmp_path: Path
) -> None:
    root = box.get("/ca.crt")
    assert root.headers["content-type"] == "application/x-x509-ca-cert"
    (tmp_path / "ca.crt").write_bytes(root.content)
    with httpx.Client(http2=True, verify=trusting(tmp_path / "ca.crt"), trust_env=False) as browser:
        answer = browser.get(f"https://127.0.0.1:{encrypted}/healthz")
    assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"https://127.0.0.1:{encrypted}/healthz", trust_env=False)
    findings = json.loads(box.script("doctor", "--json", check=False).stdout)
    (certificate,) = [each for each in findings if each["code"] == "certificate"]
    left = date.fromisoformat(certificate["parameters"]["ends_on"]) - utcnow().date()
    assert (certificate["state"], left.days) == ("ok", 397)


async def test_administrators_are_led_to_https_and_booths_and_guests_are_not(
    box: ContainerStack, encrypted: int
) -> None:
    led = box.get("/admin/login?next=x")
    assert led.status_code == 308
    assert led.headers["location"] == f"https://127.0.0.1:{encrypted}/admin/login?next=x"
    reply = await box.camera.post("/api/ingest/slot-001?reply=json", box.shot(portrait_jpeg()))
    assert reply.status == 200
    assert box.get(reply.json()["public_url"]).status_code == 200


def test_a_certificate_that_somebody_brings_is_taken(box: ContainerStack, encrypted: int) -> None:
    site = box.folder / "compose" / "site" / "tls"
    site.mkdir(parents=True)
    key, certificate = site / "privkey.pem", site / "fullchain.pem"
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "30", "-subj", "/CN=venue", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    key.chmod(0o644)
    try:
        box.compose("up", "--detach", "prepare")
        until, url = time.monotonic() + 15, f"https://127.0.0.1:{encrypted}/healthz"
        while True:
            try:
                assert httpx.get(url, verify=trusting(certificate), trust_env=False).status_code == 200
                break
            except httpx.ConnectError:
                assert time.monotonic() < until, "Nginx did not take it up"
                time.sleep(0.2)
        assert box.get("/ca.crt").status_code == 404
    finally:
        key.unlink()
        certificate.unlink()


def test_without_its_compose_file_encryption_is_off(box: ContainerStack, encrypted: int) -> None:
    assert box.get("/admin/login").status_code == 308
    box.set(COMPOSE_FILE="")
    box.compose("up", "--detach", "--wait")
    answered_in_time(box, "/admin/login", 200)
    with pytest.raises(httpx.ConnectError, match="refused"):
        httpx.get(f"https://127.0.0.1:{encrypted}/healthz", trust_env=False)


def test_the_admin_pages_are_there_only_for_the_networks_that_are_named(box: ContainerStack) -> None:
    shot = Shot(portrait_jpeg(), box.password())
    try:
        box.set(ADMIN_NETWORKS="10.99.0.0/16", HTTPS_REDIRECT="no")
        box.compose("up", "--detach", "prepare")
        answered_in_time(box, "/admin/login", 404)
        assert box.get("/api/slots").status_code == 404
        job = box.send("/api/ingest/slot-001?reply=json", shot).json()
        assert box.get(job["public_url"]).status_code == 200
        networks = box.inspect("nginx")["NetworkSettings"]["Networks"]
        gateway = next(iter(networks.values()))["Gateway"]  # where this test comes from
        box.set(ADMIN_NETWORKS=f"{gateway}/32")
        box.compose("up", "--detach", "prepare")
        answered_in_time(box, "/admin/login", 200)
    finally:
        box.set(ADMIN_NETWORKS="", HTTPS_REDIRECT="")
        box.compose("up", "--detach", "prepare")


def test_styles_and_scripts_come_from_nginx_and_are_kept_for_a_year(box: ContainerStack) -> None:
    page = httpx.get(f"{box.url}/admin/login", follow_redirects=True, verify=False, trust_env=False)
    files = re.findall(r'"(/static/[^"]+\.(?:css|js))"', page.text)
    assert {".css", ".js"} <= {Path(file).suffix for file in files}
    assert all(re.search(r"[0-9a-f]{8,}", file) for file in files), "an address holds its content's hash"
    box.compose("pause", "app")  # so that nobody else can answer
    try:
        answers = [box.get(file) for file in files]
    finally:
        box.compose("unpause", "app")
    assert {answer.status_code for answer in answers} == {200}
    kept = {answer.headers["cache-control"] for answer in answers}
    assert kept == {"public, max-age=31536000, immutable"}
    assert any(answer.headers.get("content-encoding") == "gzip" for answer in answers)
    box.wait_until_ready()
