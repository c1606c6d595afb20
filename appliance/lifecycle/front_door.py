"""What Nginx needs and cannot make itself: its configuration from the one template, and what it includes.

The template includes ``http.d/*.conf`` and ``server.d/*.conf`` beside ``nginx.conf``, which need not exist:
encryption and the networks of the administrators are written there.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path

from appliance.lifecycle.certificates import AUTHORITY, CERTIFICATE, KEY

TEMPLATE = Path(__file__).resolve().parents[2] / "compose" / "nginx" / "nginx.conf.template"
_RUN = "/tmp/nginx"  # noqa: S108 - a tmpfs of the container's own
_VARIABLE = re.compile(r"\$\{([A-Z][A-Z0-9_]*)\}")

_TLS = """\
listen 8443 ssl default_server;
http2 on;
ssl_certificate     "{tls}/{certificate}";
ssl_certificate_key "{tls}/{key}";
ssl_protocols TLSv1.2 TLSv1.3;
ssl_session_cache shared:tls:2m;
ssl_session_timeout 1d;
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
# Shut while another version is put in; whoever knocks is told to come back.
_DOOR = """\
set $door open;
if (-f "{run}/closed") {{
    set $door "shut:$uri";
}}
if ($door ~ "^shut:(?!/_error$)") {{
    return 503;
}}
"""


def values(front: Path, media: str) -> dict[str, str]:
    """The template's variables in the container of Nginx; ``front`` is where it finds its files."""
    return {
        "NGINX_LISTEN": "8080",
        "APP_UPSTREAM": os.environ.get("PHOTOCHANGER_LISTEN", "unix:/var/lib/photochanger/run/app.sock"),
        "MEDIA_ROOT": media,
        "NGINX_RUN_DIR": _RUN,
        "NGINX_ACCESS_LOG": "/dev/stdout",
        "NGINX_ERROR_LOG": "stderr",
        "STATIC_ROOT": str(front / "static"),
    }


def render(template: str, given: Mapping[str, str]) -> str:
    """Fill in ``${NAMES}`` as envsubst does; raises ``ValueError`` for one that nobody gave."""
    wanted = set(_VARIABLE.findall(template))
    if missing := sorted(wanted - set(given)):
        raise ValueError(f"The Nginx template wants {', '.join(missing)}, and nobody gave it.")
    return _VARIABLE.sub(lambda found: given[found[1]], template)


def write(front: Path, media: str, admin_networks: str = "") -> None:
    """``nginx.conf`` and what it includes; the main file last, since Nginx looks at it."""
    tls = front / "tls"
    encrypted = (tls / CERTIFICATE).exists() and (tls / KEY).exists()
    names = {"tls": str(tls), "certificate": CERTIFICATE, "key": KEY}
    admin = _admin_http(admin_networks)
    _put(front / "http.d" / "admin.conf", admin)
    _put(front / "server.d" / "admin.conf", _ADMIN_SERVER if admin else "")
    _put(front / "server.d" / "tls.conf", _TLS.format(**names) if encrypted else "")
    _put(front / "server.d" / "door.conf", _DOOR.format(run=_RUN))
    own_authority = encrypted and (tls / AUTHORITY).exists()
    _put(front / "server.d" / "authority.conf", _AUTHORITY.format(**names) if own_authority else "")
    _put(front / "nginx.conf", render(TEMPLATE.read_text(encoding="utf-8"), values(front, media)))


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
