"""Whether everything is ready, asked as a client would: through Nginx."""

import http.client
from dataclasses import asdict, dataclass

from appliance.bare.data_folder import DataFolder
from appliance.bare.supervision import ProcessState, Supervisor
from appliance.core import local_http
from appliance.core.processes import is_app, numbers


@dataclass(frozen=True)
class RunStatus:
    """The whole on one data folder."""

    ready: bool
    url: str | None
    processes: dict[str, ProcessState]

    def as_json(self) -> dict[str, object]:
        processes = {
            name: {key: value for key, value in asdict(state).items() if key not in {"name", "group"}}
            for name, state in self.processes.items()
        }
        return {"ready": self.ready, "url": self.url, "processes": processes}

    def as_table(self, folder: DataFolder) -> str:
        if not self.processes:
            return f"Nothing is running on {folder.data}."
        rows = [f"{'Ready' if self.ready else 'Not ready'} at {self.url}"]
        rows += [
            f"  {state.name:<9} {state.state:<9} {f'pid {state.pid}' if state.pid else '':<12} "
            f"{_duration(state.up_seconds) if state.pid else ''}".rstrip()
            for state in self.processes.values()
        ]
        return "\n".join([*rows, f"Logs: {folder.logs}"])


def _duration(seconds: int) -> str:
    hours, rest = divmod(seconds, 3600)
    return f"up {hours}:{rest // 60:02}:{rest % 60:02}"


def address(port: int, host: str = "localhost") -> str:
    """How to reach the public port."""
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"


def answers(port: int) -> bool:
    """Whether the app says through Nginx that it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Connection": "close"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def ask(folder: DataFolder, supervisor: Supervisor) -> RunStatus:
    ports = folder.read_ports()
    found = supervisor.states()
    names = ["postgres", "nginx", *(sorted(filter(is_app, found)) or ["app"]), "cleanup"]
    those = {name: found[name] for name in names if name in found}
    running = len(those) == len(names) and all(state.state == "RUNNING" for state in those.values())
    if running and (several := sum(map(is_app, names))) > 1:  # Nginx asks one of them
        sockets = [f"unix:{folder.socket_of(one)}" for one in numbers(several)]
        running = all(map(local_http.is_ready, sockets))
    url = address(ports.public) if ports and those else None
    return RunStatus(bool(running and ports and answers(ports.public)), url, those)
