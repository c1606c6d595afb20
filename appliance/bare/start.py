"""Starting everything, in the order that is safe and with as much at once as is."""

import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType

from appliance.bare import leftovers, nginx, ports, postgres, status, supervision
from appliance.bare.data_folder import CHECKOUT, DataFolder, Ports
from appliance.bare.demo import DemoProviders, put_demo_keys
from appliance.bare.environment import environment
from appliance.bare.options import Options
from appliance.bare.preparation import Passwords, Preparation
from appliance.bare.problem import Problem, Stopped
from appliance.bare.progress import StartProgress, tail
from appliance.bare.report import Report, kept_passwords
from appliance.bare.supervision import Program, Supervisor
from appliance.core import processes, unix_sockets
from appliance.core.files import LOW_DISK_BYTES
from appliance.core.secrets import FirstPasswordFile

LOCAL_NAME = "PHOTOCHANGER_LOCAL_NAME"
_READY_WITHIN = 60
_FEWEST_FILES = 1024  # without them supervisord does not start
_STOP_APP_WITHIN = 65  # the longest deadline of a photo, and a little
_LEAVING = 5  # one of several goes on for a little before it stops: see core/serving.py


def start(options: Options, folder: DataFolder) -> int:
    """Start everything and say so; without ``--detach``, stay until told to stop."""
    progress = StartProgress(for_programs=options.json)
    supervisor = Supervisor(folder)
    with folder.starting():
        _refuse_second_start(folder, supervisor, progress)
        leftovers.wait_for_end(folder, progress)
        ports.require(options.port)
        require_room(folder.media)
        with signals_as_stopped():
            process, made = _bring_up(options, folder, supervisor, progress)
        progress.total()
    report = Report(folder, options.port, made, kept_passwords(folder))
    if options.json:
        print(json.dumps({**status.ask(folder, supervisor).as_json(), **report.as_json()}), flush=True)
    else:
        progress.say(report.text())
    if report.passphrase:
        FirstPasswordFile(folder.secrets).forget_backup()
    if options.detach:
        progress.say(f"It keeps running. Stop it with: {folder.command('run')} --stop")
        return 0
    progress.say("Ctrl-C stops it.")
    return _stay(process, supervisor, progress)


def _refuse_second_start(folder: DataFolder, supervisor: Supervisor, progress: StartProgress) -> None:
    if supervisor.is_stopping() and (pid := supervisor.pid()):
        with progress.step("the earlier run has stopped"):
            supervisor.wait_for_end(pid)
    if supervisor.pid() is not None:
        running = folder.read_ports()
        where = f" at {status.address(running.public)}" if running else ""
        raise Problem(f"It is already running in {folder.data}{where}. Stop it with --stop, or see --status.")


def _bring_up(
    options: Options, folder: DataFolder, supervisor: Supervisor, progress: StartProgress
) -> tuple[subprocess.Popen[bytes], Passwords]:
    """All steps up to ready; if one fails, nothing keeps running."""
    chosen = ports.choose(folder, options.port)
    env = environment(folder, chosen, options.processes)
    demo = DemoProviders() if options.demo_providers else None
    if demo:
        env |= demo.environment()
    put_demo_keys(folder, wanted=demo is not None)
    postgres.make_secrets(folder)
    preparation = Preparation(folder, env)
    process: subprocess.Popen[bytes] | None = None
    try:
        _check_and_make_cluster(folder, env, preparation, progress)
        programs = [*_programs(folder, chosen, options.processes), *([demo.program()] if demo else [])]
        if env.get(LOCAL_NAME):
            programs.append(announcer(chosen))
        supervision.write_config(folder, programs)
        nginx.write_config(folder, chosen, options.processes)
        folder.write_app_processes(options.processes)
        _raise_file_limit()
        with _sample_drawn(folder, env):
            with progress.step("PostgreSQL and Nginx started under supervisord"):
                process = supervision.launch(folder, env, stays=options.detach)
                supervisor.wait_until_it_answers(process)
                supervisor.start("postgres")
                supervisor.start("nginx")
                postgres.make_database(folder, chosen, lambda: supervisor.is_up("postgres"))
            with progress.step("database migrated"):
                preparation.migrate()
            with progress.step("accounts, slots and defaults seeded"):
                made = preparation.seed()
            with progress.step("app and cleanup started, ready through Nginx"):
                if demo:
                    supervisor.start("demo-providers")
                for name in processes.names(options.processes):
                    supervisor.start(name)
                supervisor.start("cleanup")
                if env.get(LOCAL_NAME):
                    supervisor.start("announce")
                wait_until_ready(folder, supervisor)
    except BaseException:
        preparation.end()
        _abandon(process, supervisor)
        raise
    return process, made


def _check_and_make_cluster(
    folder: DataFolder, env: dict[str, str], preparation: Preparation, progress: StartProgress
) -> None:
    """The check and the cluster do not need each other."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        since = time.monotonic()
        cluster = pool.submit(postgres.make_cluster, folder, env)
        left_out = preparation.check()
        progress.done("configuration checked", since)
        for line in left_out:
            progress.say(line)
        if cluster.result():
            progress.done("database cluster made", since)


@contextlib.contextmanager
def _sample_drawn(folder: DataFolder, env: dict[str, str]) -> Iterator[None]:
    """Draws the sample photo meanwhile, if there is none yet."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        drawing = None if folder.sample.exists() else pool.submit(_draw_sample, folder, env)
        yield
        if drawing:
            drawing.result()


def _draw_sample(folder: DataFolder, env: dict[str, str]) -> None:
    svg = CHECKOUT / "config" / "sample-photo.svg"
    command = [sys.executable, "-m", "appliance.bare.sample", str(svg), str(folder.sample)]
    done = subprocess.run(command, cwd=CHECKOUT, env=env, check=False, capture_output=True, text=True)
    if done.returncode:
        raise Problem(f"The sample photo could not be drawn:\n{done.stderr.strip()}")


def _programs(folder: DataFolder, chosen: Ports, app_processes: int) -> list[Program]:
    sidecar = str(CHECKOUT / "appliance" / "lifecycle" / "stack" / "sidecar.py")
    database = postgres.command(folder, chosen, app_processes)
    return [
        Program("postgres", database, 10, stop_signal="INT", stop_seconds=30),
        Program("cleanup", [sys.executable, "-I", "-S", sidecar], 20),
        Program("nginx", nginx.command(folder), 30, errors_apart=True, folder=folder.run),
        *_apps(app_processes),
    ]


def _apps(number: int) -> list[Program]:
    # Nginx and PostgreSQL end with their supervisord: no photo in flight can be answered or recorded any
    # more. An app that went on trying would keep the next start waiting until their deadlines.
    serve = [sys.executable, "-m", "appliance", "serve"]
    if number == 1:
        return [Program("app", serve, 40, stop_seconds=_STOP_APP_WITHIN, orphan_signal="KILL")]
    return [
        Program(
            processes.name_of(one),
            serve,
            40,
            stop_seconds=_STOP_APP_WITHIN + _LEAVING,
            orphan_signal="KILL",
            group="apps",
            environment={"APP_PROCESS": str(one)},
        )
        for one in processes.numbers(number)
    ]


def announcer(chosen: Ports) -> Program:
    """What announces the machine's .local name, where one is set."""
    return Program(
        "announce", [sys.executable, "-m", "appliance", "announce", "--port", str(chosen.public)], 50
    )


def _raise_file_limit() -> None:
    """As many open files as this user may have, up to what the four can use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < _FEWEST_FILES:
        raise Problem(
            f"Only {hard} files may be open at once here, but {_FEWEST_FILES} are needed. Raise the limit: "
            "`ulimit -Hn`, or LimitNOFILE where systemd starts it."
        )
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def wait_until_ready(folder: DataFolder, supervisor: Supervisor) -> None:
    """Return when all is ready through Nginx; a process that does not stay up is a ``Problem``."""
    deadline = time.monotonic() + _READY_WITHIN
    while True:
        states = supervisor.states()
        apps = sum(processes.is_app(name) for name in states)
        sockets = [folder.socket_of(one) for one in processes.numbers(apps)]
        # Nginx logs every refusal, so it is asked only when the app listens.
        if apps and all(map(unix_sockets.is_open, sockets)):
            if status.ask(folder, supervisor).ready:
                return
            require_room(folder.media)
        for state in states.values():
            if state.state not in {"STARTING", "RUNNING"}:
                raise Problem(
                    f"{state.name} does not stay up ({state.state}).\n{tail(folder.error_log(state.name))}"
                )
        if time.monotonic() > deadline:
            raise Problem(f"The app was not ready within {_READY_WITHIN} s.\n{tail(folder.log('app'))}")
        time.sleep(0.05)


def require_room(media: Path) -> None:
    """Without it no process gets ready, however long one waits, and migrations would fill the disk."""
    free = shutil.disk_usage(media).free
    if free < LOW_DISK_BYTES:
        raise Problem(
            f"Only {free // 1024**2} MB are free in {media}, and with less than {LOW_DISK_BYTES // 1024**2} "
            "no photo is taken. Make room there and try again."
        )


def _abandon(process: subprocess.Popen[bytes] | None, supervisor: Supervisor) -> None:
    """A start that failed leaves nothing running."""
    if process is None:
        return
    with contextlib.suppress(KeyboardInterrupt, Stopped):
        supervisor.stop()
    if process.poll() is None:
        process.terminate()
        process.wait()


@contextlib.contextmanager
def signals_as_stopped() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal, as an exception while starting and staying."""

    def stop(number: int, _frame: FrameType | None) -> None:
        raise Stopped(signal.Signals(number).name)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _stay(process: subprocess.Popen[bytes], supervisor: Supervisor, progress: StartProgress) -> int:
    """Wait until told to stop, then stop everything."""
    apps = _app_pids(supervisor)
    try:
        with signals_as_stopped():
            code = process.wait()
    except Stopped:
        progress.say("\nStopping; photos in flight are finished first. Ctrl-C again cuts them off.")
    else:
        progress.say("Stopped by --stop." if code == 0 else "supervisord ended by itself; its log says why.")
        return 0 if code == 0 else 1
    since = time.monotonic()
    while process.poll() is None:
        try:
            with signals_as_stopped():
                supervisor.stop()
                process.wait()
        except Stopped:
            apps = _app_pids(supervisor) or apps
            for app in apps:
                _cut_off(app)
    progress.done("everything stopped", since)
    return 0


def _app_pids(supervisor: Supervisor) -> list[int]:
    """The pids of the app's processes."""
    return [one.pid for name, one in supervisor.states().items() if processes.is_app(name) and one.pid]


def _cut_off(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
