"""Checks an address of Apprise's, or sends one message to it: one request a process, over stdin and stdout.

A process of its own, because Apprise takes 50 MB and a second to load, its plugins wait without a
deadline, and here they can be kept from everything else: no program is run, no file is written, no other
service of the machine is reached by a socket file, and nothing connects to where clouds tell a machine's
secrets, whatever a name leads to.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from appliance.core.web_address import WebAddress, ip_of, is_forbidden
from appliance.staff.alerts.answers import listening
from appliance.staff.alerts.mail import as_mail_should_be

if TYPE_CHECKING:
    from apprise import NotifyBase

# What of an address a scheme may carry behind its '?': what is not here could read files or send others.
_MAIL = frozenset({"to", "from", "name", "cc", "bcc", "smtp", "mode", "user", "pass", "reply", "verify"})
OPTIONS = {
    "tgram": frozenset({"to", "topic", "thread", "silent", "preview"}),
    "mailto": _MAIL,
    "mailtos": _MAIL,
    **dict.fromkeys(
        ("ntfy", "ntfys"), frozenset({"to", "mode", "priority", "tags", "auth", "token", "verify"})
    ),
    **dict.fromkeys(("signal", "signals"), frozenset({"to", "from", "verify"})),
    **dict.fromkeys(
        ("matrix", "matrixs"), frozenset({"to", "mode", "version", "v", "token", "msgtype", "verify"})
    ),
    **dict.fromkeys(("json", "jsons"), frozenset({"method", "verify"})),
}
# Where in Apprise they are read: it would load all of its 130 services to find that out.
_PLUGINS = {
    "tgram": ("telegram", "NotifyTelegram"),
    **dict.fromkeys(("mailto", "mailtos"), ("email", "NotifyEmail")),
    **dict.fromkeys(("ntfy", "ntfys"), ("ntfy", "NotifyNtfy")),
    **dict.fromkeys(("signal", "signals"), ("signal_api", "NotifySignalAPI")),
    **dict.fromkeys(("matrix", "matrixs"), ("matrix", "NotifyMatrix")),
    **dict.fromkeys(("json", "jsons"), ("custom_json", "NotifyJSON")),
}
_HEADERS = ("json", "jsons")  # where '+Name=value' puts a header into the request
_SCHEME = re.compile(r"([a-z]+)://(.+)", re.IGNORECASE)
_LONGEST = 600  # characters of an answer
_FORBIDDEN = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.fork",
    "os.spawn",
    "pty.spawn",
)


class AddressRefused(Exception):
    """An address that is not taken; ``why`` is one of a few words, ``what`` what it is about."""

    def __init__(self, why: str, what: str = "") -> None:
        super().__init__(why, what)
        self.why, self.what = why, what


def scheme_of(address: str) -> str:
    """The scheme of an address; raises ``AddressRefused`` for one that is not in the set."""
    found = _SCHEME.fullmatch(address)
    if not found or not address.isprintable() or " " in address or "${" in address:
        raise AddressRefused("form")
    scheme = found[1].lower()
    if scheme not in OPTIONS:
        raise AddressRefused("scheme", scheme)
    for pair in filter(None, re.split(r"[&;]", address.partition("?")[2])):
        name = unquote(pair.partition("=")[0])
        if name.lower() not in OPTIONS[scheme] and not (scheme in _HEADERS and name.startswith("+")):
            raise AddressRefused("option", name)
    return scheme


def opened(address: str) -> NotifyBase:
    """Apprise's own reading of an address, looked at once more; raises ``AddressRefused``."""
    scheme = scheme_of(address)
    plugin = _read(scheme, address)
    own = {*_names(plugin.protocol), *_names(plugin.secure_protocol)}
    if scheme not in own or not own <= OPTIONS.keys():
        raise AddressRefused("scheme", scheme)
    for host in _hosts(plugin):
        number = ip_of(host)
        if number is not None and is_forbidden(number):
            raise AddressRefused("place", host)
        if not _is_encrypted(plugin) and not WebAddress("http", host.lower(), 80, "").is_near:
            raise AddressRefused("plain", host)
    return plugin


def _read(scheme: str, address: str) -> NotifyBase:
    from apprise import AppriseAsset  # noqa: PLC0415 - heavy
    from apprise.common import PersistentStoreMode  # noqa: PLC0415

    module, name = _PLUGINS[scheme]
    kind = getattr(import_module(f"apprise.plugins.{module}"), name)
    try:
        parsed = kind.parse_url(address.replace("/#", "/%23"))  # rooms of Matrix begin so
        if scheme in ("mailto", "mailtos"):
            parsed["format"] = "text"  # as HTML, its text for watches and notifications has no line breaks
        asset = AppriseAsset(storage_mode=PersistentStoreMode.MEMORY, secure_logging=True)
        read: NotifyBase = kind(**parsed, tag=set(), asset=asset)
    except Exception:  # noqa: BLE001 - whatever it stumbles over, it is no address to it
        raise AddressRefused("unknown") from None
    return read


def _names(protocol: Any) -> tuple[str, ...]:
    return (protocol,) if isinstance(protocol, str) else tuple(protocol or ())


def _hosts(plugin: Any) -> list[str]:
    """Whom it will connect to, as far as its address says so."""
    if plugin.secure_protocol == "mailtos":
        return [str(plugin.smtp_host)]
    if getattr(plugin, "mode", None) == "cloud" or plugin.secure_protocol == "tgram":
        return []  # the service's own address, over HTTPS
    return [str(plugin.host)]


def _is_encrypted(plugin: Any) -> bool:
    mode = str(getattr(plugin, "secure_mode", "")).rpartition(".")[2].lower()
    return bool(plugin.secure) and mode != "insecure"


def guard(event: str, arguments: Sequence[Any]) -> None:
    """What a plugin does not do, whatever it was told: raises ``PermissionError``."""
    if (why := _forbidden(event, arguments)) is not None:
        _stopped.append(why)  # plugins tell of it as of any connection that fails
        raise PermissionError(why)


_stopped: list[str] = []


def _forbidden(event: str, arguments: Sequence[Any]) -> str | None:
    if event in _FORBIDDEN:
        return "No program is run."
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        return "No file is written."
    if event in ("socket.connect", "socket.sendto"):
        address = arguments[1]
        if not isinstance(address, tuple):
            return "No socket file is used."
        number = ip_of(str(address[0]))
        if number is not None and is_forbidden(number):
            return f"{address[0]} is no place for messages."
    return None


def without_secrets(said: str, address: str) -> str:
    """``said`` without what an address keeps to itself; the machine's name may stay."""
    rest = unquote(address.partition("://")[2])
    place = rest.rpartition("@")[2].partition("/")[0].partition("?")[0]
    for word in sorted(re.split(r"[/:@?&=,;+]", rest), key=len, reverse=True):
        if len(word) >= 4 and word not in place.split(":"):
            said = said.replace(word, "…")
    return said[:_LONGEST]


def request(asked: dict[str, str]) -> dict[str, Any]:
    """Do what is asked; what came of it."""
    address = asked["address"]
    try:
        with listening() as answers:
            plugin = opened(address)
            if asked["do"] == "check":
                return {"ok": True, "said": ""}
            sys.addaudithook(guard)
            as_mail_should_be(answers.refused_some)
            try:
                sent = plugin.notify(body=asked["body"], title=asked["title"])
            except (TypeError, OSError) as error:  # TypeError: how Apprise calls a message it cannot send
                answers.lines.append(f"{type(error).__name__}: {error}")
                sent = False
    except AddressRefused as refused:
        return {"ok": False, "why": refused.why, "what": refused.what[:60], "said": ""}
    is_sent = bool(sent) or answers.reached_some
    said = re.sub(r"[\r\n]+", " ", without_secrets(" ".join([*_stopped, *answers.lines]), address))
    put_off = not is_sent and answers.put_off_some
    is_refused = answers.reached_some or put_off or (not is_sent and answers.is_refusal)
    return {"ok": is_sent, "refused": is_refused, "put_off": put_off, "said": said}


def main() -> None:
    """One request."""
    answer = request(json.load(sys.stdin))
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
