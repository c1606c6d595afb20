"""The stack as a venue gets it: installed, hardened, serving, cleaning up."""

from __future__ import annotations

import json
import re
import time

import httpx
import pytest

from tests.container.stack import SERVICES, ContainerStack, allowed, run
from tests.support.photos import camera_jpeg_24mp, portrait_jpeg
from tests.support.stack import CHECKOUT
from tests.support.waiting import until


def test_a_cold_start_is_healthy_in_time_and_says_the_passwords_once(box: ContainerStack) -> None:
    passwords = json.loads(box.inside("app", "appliance", "first-passwords"))
    assert passwords["ingest"] in box.first_words
    assert set(passwords["accounts"]) == {"serg", "igor"}
    box.compose("down", "--timeout", "10")
    began = time.monotonic()
    box.compose("up", "--detach", "--wait")
    assert time.monotonic() - began < allowed(15)
    again = box.compose("logs", "--no-color", "migrate")
    assert passwords["ingest"] not in again


def test_installing_again_changes_nothing_and_prints_where_to_go(box: ContainerStack) -> None:
    before = box.container("app")
    said = box.install()
    assert box.container("app") == before
    assert f":{box.port}/admin/" in said
    assert f"http://localhost:{box.port}/admin/" in said
    assert "█" in said


@pytest.mark.parametrize("service", ["prepare", "migrate"])
def test_the_one_shot_steps_are_hardened_too(box: ContainerStack, service: str) -> None:
    found = box.inspect(service)
    host = found["HostConfig"]
    assert found["Config"]["User"] == "10001:10001"
    assert (host["ReadonlyRootfs"], host["CapDrop"], host["CapAdd"]) == (True, ["ALL"], None)
    assert host["SecurityOpt"] == ["no-new-privileges:true"]
    assert host["Memory"] > 0
    assert not host["PortBindings"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_is_hardened(box: ContainerStack, service: str) -> None:
    found = box.inspect(service)
    host, status = found["HostConfig"], box.inside(service, "cat", "/proc/1/status")
    facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert set(facts["Uid"].split()) != {"0"}
    assert int(facts["CapEff"], 16) == int(facts["CapBnd"], 16) == 0
    assert facts["NoNewPrivs"] == "1"
    assert host["ReadonlyRootfs"] is True
    assert host["RestartPolicy"]["Name"] == "always"
    assert host["Memory"] > 0
    assert host["PidsLimit"] > 0
    assert host["LogConfig"]["Config"]["max-size"]
    published = [bindings for bindings in (host["PortBindings"] or {}).values() if bindings]
    assert bool(published) == (service == "nginx")


def test_the_database_and_the_app_cannot_be_reached_from_outside(box: ContainerStack) -> None:
    networks = {name: box.inspect(name)["NetworkSettings"]["Networks"] for name in SERVICES}
    assert [name.rpartition("_")[2] for name in networks["db"]] == ["inside"]
    assert json.loads(run("docker", "network", "inspect", f"{box.project}_inside"))[0]["Internal"] is True
    assert not set(networks["nginx"]) & set(networks["db"])


def test_the_image_holds_no_tools(box: ContainerStack) -> None:
    for tool in ("gcc", "pip", "pytest", "ruff"):
        assert box.inside("app", "sh", "-c", f"command -v {tool} || true").strip() == ""
    labels = box.inspect("app")["Config"]["Labels"]
    assert labels["org.opencontainers.image.version"] == "1.0"


def test_the_image_says_what_it_is_made_of(box: ContainerStack) -> None:
    said = json.loads(box.inside("app", "cat", "/usr/share/photochanger/sbom.cdx.json"))
    made_of = {part["name"]: part for part in said["components"]}
    assert said["bomFormat"] == "CycloneDX"
    assert {"fastapi", "pyvips", "libc6", "python"} <= set(made_of)
    assert made_of["python"]["cpe"].startswith("cpe:2.3:a:python:python:3.")
    locked = re.search(r"^fastapi==(\S+)", (CHECKOUT / "requirements.lock").read_text(), re.MULTILINE)
    assert locked
    assert made_of["fastapi"]["version"] == locked[1]


async def test_a_24_megapixel_photo_becomes_a_picture_that_a_guest_downloads(box: ContainerStack) -> None:
    reply = await box.camera.post("/api/ingest/slot-001?reply=json", box.shot(camera_jpeg_24mp()))
    assert reply.status == 200
    job = reply.json()
    async with httpx.AsyncClient(base_url=box.url, trust_env=False) as guest:
        whole = await guest.get(job["public_url"])
        part = await guest.get(job["public_url"], headers={"Range": "bytes=100-199"})
    assert whole.status_code == 200
    assert len(whole.content) == job["size"]
    assert whole.headers["content-disposition"].startswith("attachment")
    assert part.status_code == 206
    assert part.content == whole.content[100:200]


async def test_what_has_expired_is_removed_by_the_sidecar(box: ContainerStack) -> None:
    job = (await box.camera.post("/api/ingest/slot-001?reply=json", box.shot(portrait_jpeg()))).json()
    box.sql(f"update job_history set result_expires_at = now() where job_id = '{job['job_id']}'")
    box.compose("restart", "cleanup")
    cleaned_at = f"select cleaned_at from job_history where job_id = '{job['job_id']}'"
    await until(lambda: box.sql(cleaned_at), seconds=60, every=0.5)
    files = box.inside("app", "ls", "/var/lib/photochanger/media/results")
    assert job["job_id"] not in files
    assert box.get(job["public_url"]).status_code == 410


def test_the_front_door_serves_static_files_and_publishes_no_metrics(box: ContainerStack) -> None:
    assert box.get("/metrics").status_code == 404
    assert box.get("/readyz").json()["checks"]["database"] == "ok"


def test_the_doctor_finds_the_stack_well_and_a_bundle_holds_no_secret(box: ContainerStack) -> None:
    findings = json.loads(box.script("doctor", "--json", check=False).stdout)
    state = {each["code"]: each["state"] for each in findings}
    assert state["app"] == state["database"] == state["disk"] == "ok"
    assert "container nginx" in box.script("doctor", check=False).stdout
    file = box.folder / "support.tar.gz"
    box.script("support-bundle", str(file))
    text = run("tar", "-xzOf", str(file))
    passwords = json.loads(box.inside("app", "appliance", "first-passwords"))
    assert "doctor" in run("tar", "-tzf", str(file))
    for secret in (passwords["ingest"], *passwords["accounts"].values()):
        assert secret not in text
