"""What Nginx needs and cannot make itself: its configuration from the one template, and what it includes.

The template includes ``http.d/*.conf`` and ``server.d/*.conf`` beside ``nginx.conf``, which need not exist:
encryption and the networks of the administrators are written there.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from appliance.core import processes
from appliance.core.networks import speaks_ipv6
from appliance.core.node_secret import FRONT_DOOR_HEADER, NodeSecret
from appliance.lifecycle.stack.certificates import AUTHORITY, CERTIFICATE, KEY

TEMPLATE = Path(__file__).resolve().parents[3] / "compose" / "nginx" / "nginx.conf.template"
_RUN = "/tmp/nginx"  # noqa: S108 - a tmpfs of the container's own
_BODIES = "/tmp/nginx-body"  # noqa: S108 - another one, where the compose file is as new as this
VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

# Of one connection, requests at once: a gallery's pictures come in a few turns.
HTTP2 = """\
http2 on;
http2_max_concurrent_streams 32;
"""
_TLS = f"""\
listen 8443 ssl default_server;
{HTTP2}ssl_certificate     "{{tls}}/{{certificate}}";
ssl_certificate_key "{{tls}}/{{key}}";
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:tls:2m;
ssl_session_timeout 1d;
"""
# Beside the listening addresses of IPv4, where the machine knows IPv6.
_IPV6 = "listen [::]:8080 default_server;\n"
_IPV6_TLS = "listen [::]:8443 ssl default_server;\n"
# Who types a password is led to where it is encrypted; booths are not, since they would not follow.
_ENCRYPTED_ONLY = {
    "no": "",
    "admin": "/admin(?:/|$)",
    "all": r"/(?!(?:ca\.crt|healthz|readyz|_error|_error_page)$)",
}
_REDIRECT_HTTP = """\
map "$scheme:$request_method:$uri" $is_redirected {{
    default 0;
    "~^http:(?:GET|HEAD):{paths}" 1;
}}
"""
_REDIRECT_SERVER = """\
if ($is_redirected) {{
    return 308 https://$host{port}$request_uri;
}}
"""
# What is installed on the booth PCs, so that they trust the appliance.
_AUTHORITY = """\
location = /ca.crt {{
    root "{tls}";
    types {{ }}
    default_type application/x-x509-ca-cert;
    add_header Content-Disposition 'attachment; filename="photochanger-ca.crt"';
}}
"""
# Everybody may send photos and fetch pictures; the rest is not there for other networks.
_ADMIN_HTTP = """\
geo $from_admin_network {{
    default 0;
{networks}
}}
map "$from_admin_network$uri" $admin_is_closed {{
    default 0;
    "~^0/admin(?:/|$)" 1;
    "~^0/api/(?!ingest/)" 1;
}}
"""
_ADMIN_SERVER = """\
if ($admin_is_closed) {
    return 404;
}
"""
# What tells the other machines that a request comes from here.
_NODES = 'proxy_set_header {header} "{word}";\n'
# Shut while another version is put in; whoever knocks is told to come back.
_DOOR = """\
set $door open;
if (-f "{run}/closed") {{
    set $door "shut:$uri";
}}
if ($door ~ "^shut:(?!/_error(?:_page)?$)") {{
    return 503;
}}
"""


def values(front: Path, media: str, nodes: Sequence[str] = ()) -> dict[str, str]:
    """The template's variables in the container of Nginx; ``front`` is where it finds its files."""
    listen = os.environ.get("PHOTOCHANGER_LISTEN", "unix:/var/lib/photochanger/run/app.sock")
    number = processes.of_environment()
    listening = [processes.listen_of(listen, one) for one in processes.numbers(number)]
    return {
        "NGINX_LISTEN": "8080",
        "APP_SERVERS": processes.upstream_servers(listening, nodes),
        "STAFF_SERVERS": processes.staff_servers(listening),
        "APP_NEXT": processes.tries_next(number + len(nodes)),
        "MEDIA_ROOT": media,
        "NGINX_RUN_DIR": _RUN,
        "NGINX_BODY_DIR": _BODIES,
        "NGINX_ACCESS_LOG": "/dev/stdout",
        "NGINX_ERROR_LOG": "stderr",
        "STATIC_ROOT": str(front / "static"),
    }


def render(template: str, given: Mapping[str, str]) -> str:
    """Fill in ``${NAMES}`` as envsubst does; raises ``ValueError`` for a missing or an unknown one."""
    wanted = set(VARIABLE.findall(template))
    if wanted != set(given):
        raise ValueError(f"missing: {sorted(wanted - set(given))}, unknown: {sorted(set(given) - wanted)}")
    return VARIABLE.sub(lambda found: given[found[1]], template)


@dataclass(frozen=True, slots=True)
class FrontDoorSettings:
    """What the operator of a venue has set for the front door, as it stands in ``compose/.env``."""

    admin_networks: str = ""
    https: str = "on"  # "off" by compose.yaml, unless compose.tls.yaml is beside it; older ones say nothing
    https_redirect: str = "admin"
    https_port: str = "443"
    app_nodes: str = ""

    @classmethod
    def from_environment(cls) -> FrontDoorSettings:
        """What the environment says; what is empty or missing has its default."""
        found = {each.name: os.environ.get(each.name.upper(), "").strip() for each in fields(cls)}
        return cls(**{name: value for name, value in found.items() if value})

    @property
    def nodes(self) -> list[str]:
        """The addresses of other machines' processes; raises ``ValueError``."""
        return processes.node_addresses(self.app_nodes)


def write(front: Path, media: str, settings: FrontDoorSettings, secrets_dir: Path | None = None) -> None:
    """``nginx.conf`` and what it includes; the main file last, since Nginx looks at it.

    ``secrets_dir``: with the word for other machines, where there are some.
    """
    tls = front / "tls"
    encrypted = settings.https != "off" and (tls / CERTIFICATE).exists() and (tls / KEY).exists()
    names = {"tls": str(tls), "certificate": CERTIFICATE, "key": KEY}
    admin = _admin_http(settings.admin_networks)
    _put(front / "http.d" / "admin.conf", admin)
    _put(front / "server.d" / "admin.conf", _ADMIN_SERVER if admin else "")
    redirect = _redirect(settings) if encrypted else ("", "")
    _put(front / "http.d" / "redirect.conf", redirect[0])
    _put(front / "server.d" / "redirect.conf", redirect[1])
    _put(front / "server.d" / "tls.conf", _TLS.format(**names) if encrypted else "")
    nodes = settings.nodes if secrets_dir else []
    word = NodeSecret.of(secrets_dir).front_door if secrets_dir and nodes else ""
    _put(front / "http.d" / "nodes.conf", _NODES.format(header=FRONT_DOOR_HEADER, word=word) if word else "")
    _put(front / "server.d" / "door.conf", _DOOR.format(run=_RUN))
    ipv6 = _IPV6 + (_IPV6_TLS if encrypted else "") if speaks_ipv6() else ""
    _put(front / "server.d" / "ipv6.conf", ipv6)
    own_authority = encrypted and (tls / AUTHORITY).exists()
    _put(front / "server.d" / "authority.conf", _AUTHORITY.format(**names) if own_authority else "")
    _put(front / "nginx.conf", render(TEMPLATE.read_text(encoding="utf-8"), values(front, media, nodes)))


def _redirect(settings: FrontDoorSettings) -> tuple[str, str]:
    """Raises ``ValueError`` for a wish that is none of the known ones."""
    if settings.https_redirect not in _ENCRYPTED_ONLY:
        raise ValueError(f"HTTPS_REDIRECT must be one of {', '.join(_ENCRYPTED_ONLY)}.")
    paths = _ENCRYPTED_ONLY[settings.https_redirect]
    if not paths:
        return "", ""
    number = settings.https_port.rpartition(":")[2]  # it may name an address to listen on
    port = "" if number == "443" else f":{number}"
    return _REDIRECT_HTTP.format(paths=paths), _REDIRECT_SERVER.format(port=port)


def _admin_http(networks: str) -> str:
    """Raises ``ValueError`` for what is no network."""
    asked = [part for part in re.split(r"[,\s]+", networks) if part]
    if not asked:
        return ""
    lines = [f"    {ipaddress.ip_network(part, strict=False)} 1;" for part in asked]
    return _ADMIN_HTTP.format(networks="\n".join(lines))


def _put(target: Path, text: str) -> None:
    """Whole or not at all; an empty file is one that need not be there."""
    if not text:
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(mode=0o750, exist_ok=True)
    if target.exists() and target.read_text(encoding="utf-8") == text:
        return
    fresh = target.with_suffix(".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(0o640)
    fresh.replace(target)
