"""Leaving root behind: who the appliance runs as, and what that user is allowed."""

import compileall
import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from appliance.bare.data_folder import CHECKOUT, DataFolder
from appliance.bare.problem import Problem

_WRITE_ANYTHING = (1, "dac_override")
_READ_ANYTHING = (2, "dac_read_search")
_LOW_PORTS = (10, "net_bind_service")
_SETPCAP = 8


def leave_root(folder: DataFolder, port: int, argv: list[str]) -> None:
    """If we are root: give the data folder to an unprivileged user and become that user, for good."""
    if os.geteuid() != 0:
        _require_a_name()
        return
    user = _chosen_user(folder.data)
    compileall.compile_dir(CHECKOUT / "appliance", quiet=2)  # that user could not keep what it compiles
    folder.make_folders()
    _hand_over(folder, user)
    _become(user, _needed(user, folder, port), argv)


def _require_a_name() -> None:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise Problem(
            f"The user id {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL needs one. "
            "Run it as a user that has one."
        ) from None


def _chosen_user(data: Path) -> pwd.struct_passwd:
    """The data folder's owner if it is not root's, else ``postgres`` if there is one, else ``nobody``."""
    if data.exists() and (owner := data.stat().st_uid):
        try:
            return pwd.getpwuid(owner)
        except KeyError:
            raise Problem(
                f"{data} belongs to the user id {owner}, which has no entry in /etc/passwd."
            ) from None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise Problem("There is no user 'postgres' or 'nobody' to run as. Run scripts/run as an ordinary user.")


def _hand_over(folder: DataFolder, user: pwd.struct_passwd) -> None:
    """Give the user what is ours in the data folder; nothing that a link leads to."""
    for top in (folder.data, folder.media):
        os.chown(top, user.pw_uid, user.pw_gid)
    ours = [folder.run, folder.logs, folder.secrets, folder.backups, folder.postgres, folder.sample]
    ours += [entry for entry in folder.media.iterdir() if entry.is_dir() and not entry.is_symlink()]
    for top in ours:
        _chown(top, user)
        for parent, folders, files in os.walk(top):
            for name in folders + files:
                _chown(Path(parent) / name, user)


def _chown(path: Path, user: pwd.struct_passwd) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    hard_link = found.st_nlink > 1 and not path.is_dir()
    if found.st_uid != user.pw_uid and not hard_link:
        os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _needed(user: pwd.struct_passwd, folder: DataFolder, port: int, files: Sequence[str] = ()) -> list[str]:
    """The capabilities to keep: to read a checkout under /root, and to open a port below 1024."""
    wanted = []
    if not _reaches(user, folder, files):
        wanted.append(_READ_ANYTHING)
    if port < _first_free_port():
        wanted.append(_LOW_PORTS)
    for bit, name in wanted:
        if not _may(bit):
            folders = ", ".join(map(str, (CHECKOUT, sys.prefix, *files)))
            what = f"read {folders} or {folder.data}" if bit == 2 else f"open port {port}"
            raise Problem(
                f"The user {user.pw_name!r} may not {what}, and root here lacks CAP_{name.upper()} to "
                "allow it. "
                "Use folders that everyone can reach and a port above 1023, or run as an ordinary user."
            )
    return [name for _, name in wanted]


def _first_free_port() -> int:
    try:
        return int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 1024


def _may(bit: int) -> bool:
    """Whether this process holds a capability."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("CapPrm:"):
            return bool(int(line.split()[1], 16) >> bit & 1)
    return False


def _setpriv(user: pwd.struct_passwd) -> list[str]:
    program = shutil.which("setpriv")
    if not program:
        raise Problem("'setpriv' (package util-linux) is missing; root needs it to become another user.")
    return [
        program,
        "--reuid",
        str(user.pw_uid),
        "--regid",
        str(user.pw_gid),
        "--clear-groups",
        "--no-new-privs",
    ]


def _reaches(user: pwd.struct_passwd, folder: DataFolder, files: Sequence[str]) -> bool:
    """Try it: can this user read the code, Python, the data folder and these files?"""
    readable = [sys.executable, os.__file__, subprocess.__file__, str(Path(__file__)), str(folder.run)]
    readable += files
    script = 'for path; do test -r "$path" || exit 1; done'
    done = subprocess.run([*_setpriv(user), "sh", "-c", script, "sh", *readable], check=False)
    return done.returncode == 0


def _command_as(user: pwd.struct_passwd, capabilities: list[str]) -> list[str]:
    """What to put before a command so that it runs as ``user``, with these capabilities and no others."""
    kept = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    options = ["--inh-caps", kept, "--ambient-caps", kept]
    if _may(_SETPCAP):
        options += ["--bounding-set", kept]
    if capabilities:  # else access(2) goes on saying no to what open(2) may do
        options += ["--securebits", "+no_setuid_fixup"]
    return [*_setpriv(user), *options, "--"]


def _become(user: pwd.struct_passwd, capabilities: list[str], argv: list[str]) -> NoReturn:
    command = [*_command_as(user, capabilities), sys.executable, "-m", "appliance.bare", *argv]
    os.chdir(CHECKOUT)
    os.environ["HOME"] = _home(user)
    os.execv(command[0], command)  # noqa: S606 - the arguments are ours


def as_owner(folder: DataFolder, files: Sequence[str], *, writes: bool) -> list[str]:
    """What to put before a command so that root runs it as the data folder's owner; nothing for others.

    The ``files`` that root named can be read, whoever they belong to; one that ``writes`` may do so in any
    folder, as root may.
    """
    if os.geteuid() != 0:
        return []
    user = _chosen_user(folder.data)
    bit, name = _WRITE_ANYTHING
    more = [name] if writes and _may(bit) else []
    return _command_as(user, [*_needed(user, folder, _first_free_port(), files), *more])


def _home(user: pwd.struct_passwd) -> str:
    """A home that exists; nothing is written there."""
    return user.pw_dir if Path(user.pw_dir).is_dir() else "/"
