"""The guest's page, its pictures at screen size, its QR code, and what is left after deleting."""

from __future__ import annotations

import asyncio
import io
import re
import uuid

import httpx
import pytest
import zxingcpp
from PIL import Image

from appliance.core.language import languages
from tests.conftest import Change
from tests.support.camera import Camera, Reply, Shot
from tests.support.cleaning import clean
from tests.support.logins import client_at, new_address
from tests.support.photos import portrait_jpeg
from tests.support.stack import Stack

HTML = {"Accept": "text/html"}
BUDGET = 30_000


@pytest.fixture
async def made(camera: Camera, shot: Shot) -> Reply:
    """A processed photo."""
    shot.photo = portrait_jpeg(1200, 1600)
    return await camera.post("/api/ingest/slot-002?reply=image", shot)


def job(reply: Reply) -> str:
    return reply.headers["x-job-id"]


def read_code(image: bytes) -> list[str]:
    return [found.text for found in zxingcpp.read_barcodes(Image.open(io.BytesIO(image)))]


async def test_the_page_is_small_strict_and_tells_search_engines_to_go(
    made: Reply, client: httpx.AsyncClient, setting: Change
) -> None:
    await setting("event_title", "Anna & Paul")
    reply = await client.get(f"/r/{job(made)}", headers=HTML)
    assert reply.status_code == 200
    print(f"guest's page: {len(reply.content)} bytes of {BUDGET}")  # noqa: T201
    assert len(reply.content) < BUDGET
    policy = reply.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "noindex" in reply.headers["x-robots-tag"]
    assert "Anna &amp; Paul" in reply.text
    for tag in ("og:image", "og:title", "og:url"):
        assert f'property="{tag}" content="' in reply.text
    assert '/preview?w=960">' in reply.text, "messengers show no picture of more than 300 to 600 kB"
    assert '<link rel="stylesheet"' not in reply.text
    assert 'src="http' not in reply.text


@pytest.mark.parametrize("path", ["/r/{}", "/public/results/{}/preview", "/public/results/{}", "/"])
async def test_a_messenger_that_asks_for_the_head_alone_gets_it(
    made: Reply, client: httpx.AsyncClient, path: str
) -> None:
    reply = await client.head(path.format(job(made)), headers=HTML)
    assert reply.status_code == 200
    assert reply.content == b""


async def test_nothing_that_the_booth_sent_stands_on_the_page(
    camera: Camera, shot: Shot, client: httpx.AsyncClient
) -> None:
    shot.fields |= {"username": "Maria Muster", "survey1_email": "maria@example.org"}
    made = await camera.post("/api/ingest/slot-002", shot)
    page = (await client.get(f"/r/{job(made)}", headers=HTML)).text
    for value in ("Maria", "maria@", "DESKTOP-K968T3F", "slot-002"):
        assert value not in page


@pytest.mark.parametrize(("accept", "kind"), [("image/webp,*/*", "image/webp"), ("image/*", "image/jpeg")])
async def test_a_preview_is_as_wide_as_asked_and_carries_no_metadata(
    made: Reply, client: httpx.AsyncClient, accept: str, kind: str
) -> None:
    reply = await client.get(f"/public/results/{job(made)}/preview?w=300", headers={"Accept": accept})
    assert (reply.status_code, reply.headers["content-type"]) == (200, kind)
    picture = Image.open(io.BytesIO(reply.content))
    assert picture.size[0] == 320
    assert not picture.getexif()
    assert "x-accel-redirect" not in reply.headers


@pytest.mark.parametrize("wanted", sorted(languages("guests")))
async def test_the_page_speaks_the_guests_language(
    made: Reply, client: httpx.AsyncClient, wanted: str
) -> None:
    language = languages("guests")[wanted]
    reply = await client.get(f"/r/{job(made)}", headers=HTML | {"Accept-Language": f"{wanted},en;q=0.1"})
    assert f'<html lang="{wanted}" dir="{language.dir}">' in reply.text
    assert language.gettext("picture.save") in reply.text


async def test_a_chosen_language_is_remembered(made: Reply, client: httpx.AsyncClient) -> None:
    await client.get(f"/r/{job(made)}?lang=es", headers=HTML)
    assert "Guardar" in (await client.get(f"/r/{job(made)}", headers=HTML)).text


async def test_the_operator_chooses_the_languages(
    made: Reply, client: httpx.AsyncClient, setting: Change
) -> None:
    await setting("guest_languages", ["kk", "ru"])
    page = (await client.get(f"/r/{job(made)}", headers=HTML | {"Accept-Language": "de"})).text
    assert '<html lang="kk"' in page
    assert "Deutsch" not in page


async def test_a_picture_in_the_making_shows_that_it_is_coming(
    stack: Stack, made: Reply, client: httpx.AsyncClient
) -> None:
    async with stack.database() as db:
        change = "update job_history set status = $2 where job_id = $1"
        await db.execute(change, job(made), "pending")
        page = await client.get(f"/r/{job(made)}", headers=HTML)
        state = await client.get(f"/r/{job(made)}/state")
        code = await client.get(f"/public/results/{job(made)}/qr.png")
        bytes_ = await client.get(f"/public/results/{job(made)}")
        await db.execute(change, job(made), "done")
    assert (page.status_code, state.json(), code.status_code) == (200, {"state": "making"}, 200)
    assert "being made" in page.text
    assert '<noscript><meta http-equiv="refresh"' in page.text
    assert bytes_.status_code == 404
    assert (await client.get(f"/r/{job(made)}/state")).json() == {"state": "ready"}


async def test_an_expired_page_says_so_kindly(stack: Stack, made: Reply, client: httpx.AsyncClient) -> None:
    async with stack.database() as db:
        await db.execute(
            "update job_history set result_expires_at = now() - interval '1 s' where job_id = $1", job(made)
        )
    reply = await client.get(f"/r/{job(made)}", headers=HTML)
    assert reply.status_code == 410
    assert "has expired" in reply.text
    for path in ("preview", "qr.png", "before"):
        assert (await client.get(f"/public/results/{job(made)}/{path}")).status_code == 410


async def test_a_hidden_picture_looks_like_one_that_never_was(
    stack: Stack, made: Reply, client: httpx.AsyncClient
) -> None:
    async with stack.database() as db:
        await db.execute("update job_history set hidden_at = now() where job_id = $1", job(made))
    hidden = await client.get(f"/r/{job(made)}", headers=HTML)
    unknown = await client.get(f"/r/{uuid.uuid4()}", headers=HTML)
    assert hidden.status_code == unknown.status_code == 404
    assert without_nonce(hidden.text) == without_nonce(unknown.text)
    assert (await client.get(f"/public/results/{job(made)}/preview")).status_code == 404


def without_nonce(page: str) -> str:
    return re.sub(r'nonce="[^"]+"', "", page)


async def test_guessing_reveals_nothing(stack: Stack) -> None:
    """Hundreds of random addresses of each kind, tried from several machines, answer alike."""
    for form in ("/r/{}", "/public/results/{}", "/public/results/{}/preview"):
        answers = set()
        for _ in range(5):
            async with client_at(stack, new_address()) as guesser:
                for _ in range(3):
                    tries = [guesser.get(form.format(uuid.uuid4()), headers=HTML) for _ in range(20)]
                    for reply in await asyncio.gather(*tries):
                        answers.add((reply.status_code, without_nonce(reply.text)))
        assert len(answers) == 1
        assert answers.pop()[0] == 404


async def test_a_guest_may_delete_where_the_operator_lets_them(
    stack: Stack, made: Reply, client: httpx.AsyncClient, setting: Change
) -> None:
    page = f"/r/{job(made)}"
    assert (await client.post(f"{page}/delete")).status_code == 403
    assert "/delete" not in (await client.get(page, headers=HTML)).text
    await setting("guests_may_delete", True)
    await client.get(f"/public/results/{job(made)}/preview")
    assert (await client.get(f"{page}/delete", headers=HTML)).status_code == 200
    assert (await client.post(f"{page}/delete")).status_code == 303
    gone = await client.get(page, headers=HTML)
    assert gone.status_code == 410
    assert "was deleted" in gone.text
    for stale in (f"{page}/delete", f"/public/results/{job(made)}"):  # gone back to, saved from another tab
        assert "was deleted" in (await client.get(stale, headers=HTML)).text
    assert (await client.get(f"/public/results/{job(made)}")).status_code == 410
    assert not list((stack.media / "results").glob(f"{job(made)}*"))
    assert not list((stack.media / "previews").glob(f"{job(made)}*"))
    row = await stack.row(job(made))
    personal = ("request_fields", "query_fields", "upload_name", "upload_sha256", "upload_sha1")
    assert not any(row[name] for name in personal)
    assert row["idempotency_key"] is None
    assert row["source_key"] is None


@pytest.mark.parametrize("kind", ["png", "svg"])
async def test_the_qr_code_leads_to_the_page(made: Reply, client: httpx.AsyncClient, kind: str) -> None:
    import pyvips  # noqa: PLC0415

    reply = await client.get(
        f"/public/results/{job(made)}/qr.{kind}?size=500&label=1", headers={"Host": "photos.example.org"}
    )
    assert reply.status_code == 200
    image = reply.content
    if kind == "svg":
        image = pyvips.Image.svgload_buffer(image).write_to_buffer(".png")
    assert read_code(image) == [f"http://photos.example.org/r/{job(made)}"]
    assert Image.open(io.BytesIO(image)).size[0] == 500


async def test_the_booth_is_told_where_the_qr_code_is(made: Reply, client: httpx.AsyncClient) -> None:
    address = made.headers["x-qr-url"]
    assert "127.0.0.1" not in address
    assert "localhost" not in address
    reply = await client.get(httpx.URL(address).path)
    assert read_code(reply.content)


async def test_the_configured_base_wins(
    camera: Camera, shot: Shot, client: httpx.AsyncClient, setting: Change
) -> None:
    await setting("public_base_url", "https://photos.example.org/party")
    made = await camera.post("/api/ingest/slot-002", shot)
    base = "https://photos.example.org/party"
    assert made.headers["x-public-url"] == f"{base}/public/results/{job(made)}"
    code = await client.get(f"/public/results/{job(made)}/qr.png")
    assert read_code(code.content) == [f"{base}/r/{job(made)}"]


async def test_a_slot_prints_the_link_into_the_picture(camera: Camera, shot: Shot, slot: Change) -> None:
    options = {"qr": "bottom-right", "qr_percent": 30, "qr_colour": "#201040"}
    await slot("slot-002", output=options)
    shot.photo = portrait_jpeg(1200, 1600)
    made = await camera.post("/api/ingest/slot-002?reply=image", shot)
    assert [code.rpartition("/r/")[2] for code in read_code(made.body)] == [job(made)]


async def test_the_mark_of_ai_stands_in_the_file(
    camera: Camera, shot: Shot, slot: Change, setting: Change, gemini: object
) -> None:
    from tests.support.slots import with_gemini  # noqa: PLC0415

    await slot("slot-003", **with_gemini())
    made = await camera.post("/api/ingest/slot-003?reply=image", shot)
    assert made.status == 200
    assert b"compositeWithTrainedAlgorithmicMedia" in made.body
    Image.open(io.BytesIO(made.body)).load()
    local = await camera.post("/api/ingest/slot-002?reply=image", shot)
    assert b"TrainedAlgorithmicMedia" not in local.body


async def test_a_small_sign_says_that_ai_made_the_picture_in_the_guests_language(
    camera: Camera, shot: Shot, slot: Change, client: httpx.AsyncClient, gemini: object
) -> None:
    from tests.support.slots import with_gemini  # noqa: PLC0415

    await slot("slot-003", **with_gemini())
    by_ai = (await camera.post("/api/ingest/slot-003?reply=json", shot)).json()["job_id"]
    local = (await camera.post("/api/ingest/slot-002?reply=json", shot)).json()["job_id"]
    page = await client.get(f"/r/{by_ai}?lang=ru", headers=HTML)
    assert re.search(r'<span class="sign"[^>]*>ИИ</span>', page.text)
    assert 'class="sign"' not in (await client.get(f"/r/{local}", headers=HTML)).text


async def test_the_sign_is_on_a_picture_that_was_kept_after_a_crash(
    stack: Stack, camera: Camera, shot: Shot, slot: Change, client: httpx.AsyncClient, gemini: object
) -> None:
    """What was tried for it, its row does not say."""
    from tests.support.slots import with_gemini  # noqa: PLC0415

    await slot("slot-003", **with_gemini())
    by_ai = (await camera.post("/api/ingest/slot-003?reply=json", shot)).json()["job_id"]
    local = (await camera.post("/api/ingest/slot-002?reply=json", shot)).json()["job_id"]
    async with stack.database() as db:
        await db.execute(
            """update job_history set status = 'pending', attempts = '[]', result_key = null,
                 created_at = now() - interval '10 min' where job_id = any($1)""",
            [by_ai, local],
        )
    assert (await clean(stack))["recovered_results"] == 2
    assert 'class="sign"' in (await client.get(f"/r/{by_ai}", headers=HTML)).text
    assert 'class="sign"' not in (await client.get(f"/r/{local}", headers=HTML)).text


async def test_elsewhere_the_operator_decides_about_mark_and_sign(
    camera: Camera, shot: Shot, slot: Change, setting: Change, client: httpx.AsyncClient, gemini: object
) -> None:
    from tests.support.slots import with_gemini  # noqa: PLC0415

    for name, value in {"ai_rules": "elsewhere", "mark_ai_made": False, "show_ai_sign": False}.items():
        await setting(name, value)
    await slot("slot-003", **with_gemini())
    made = await camera.post("/api/ingest/slot-003?reply=json", shot)
    page = await client.get(f"/r/{made.json()['job_id']}", headers=HTML)
    assert 'class="sign"' not in page.text
    assert b"TrainedAlgorithmicMedia" not in (await client.get(made.json()["public_url"])).content
