"""Has a process of its own check an address or send a message (``deliver.py``)."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import appliance
from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.staff.alerts.deliver import OPTIONS

PATIENCE = 40.0  # seconds for one request: a mail server may take 30 to greet a stranger
_AT_A_TIME = 2  # each is a Python of 50 MB
_PACKAGE = Path(appliance.__file__).parents[1]
# Of our own environment it sees no setting and no secret: the way out of the building, and certificates.
_KEPT = (
    *("PATH", "LANG", "TMPDIR", "VIRTUAL_ENV", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
)


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """What came of a request: ``said`` is Apprise's sentence and the service's answer."""

    ok: bool
    said: str
    refused: bool = False  # for what is in the message; if it was sent, by some of its recipients
    put_off: bool = False  # by some of its recipients, while others have it
    why: str = ""
    what: str = ""


class DeliveryProcess:
    """Runs requests, at most two at a time: who sends has one of ``seats``."""

    def __init__(self) -> None:
        self.seats = asyncio.Semaphore(_AT_A_TIME)

    async def check(self, address: str) -> None:
        """Raise ``ValidationFailed`` for an address that is not taken."""
        async with self.seats:
            answer = await self._request({"do": "check", "address": address})
        if not answer.ok:
            raise ValidationFailed(fields={"address": _problem(answer)})

    async def send(self, address: str, title: str, body: str) -> DeliveryResult:
        """Send one message; whatever goes wrong is in the answer."""
        return await self._request({"do": "send", "address": address, "title": title, "body": body})

    async def _request(self, asked: dict[str, str]) -> DeliveryResult:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "appliance.staff.alerts.deliver",
            cwd=_PACKAGE,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(PATIENCE):
                out, _ = await process.communicate(json.dumps(asked).encode())
            return DeliveryResult(**json.loads(out))
        except TimeoutError:
            return DeliveryResult(ok=False, said=f"No answer within {PATIENCE:.0f} seconds.")
        except (ValueError, TypeError):
            return DeliveryResult(ok=False, said="The sending program ended without an answer.")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _problem(answer: DeliveryResult) -> Message:
    match answer.why:
        case "scheme":
            return Message(
                "must begin with one of %(names)s", names=", ".join(f"{one}://" for one in OPTIONS)
            )
        case "option":
            return Message("must not carry the option %(name)s", name=answer.what)
        case "place":
            return Message("must be an address that may be contacted")
        case "plain":
            return Message(
                "must be encrypted outside the local network (mailtos://, ntfys://, matrixs://, jsons://)"
            )
    return Message("is no address that Apprise understands")
