"""The files a browser fetches once and keeps: styles, scripts, HTMX, the font, the icon.

All of them lie under one name made from all their bytes, ``/static/{hash}/app.css``, so that
they may be kept for ever and find each other by relative addresses. Nginx serves the folder
that ``collect`` fills; the app only knows the addresses.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from appliance.core.files import sync_folder

OWN = Path(__file__).parent / "static"
# What other packages ship: the name it is served under, the package, the file in it.
SHIPPED = {
    "htmx.js": ("js_lib_htmx", "static/htmx/htmx.min.js"),
}
URL_PREFIX = "/static"
_KEPT = 3  # versions: a page that was open before an upgrade still finds its files


def _in_package(package: str, name: str) -> Path:
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError(f"the package {package} is not installed")
    return Path(found.submodule_search_locations[0]) / name


@cache
def files() -> Mapping[str, bytes]:
    """Every file by the name it is served under; ``css/*.css`` become one, in the order of their names."""
    styles = b"\n".join(path.read_bytes() for path in sorted((OWN / "css").glob("*.css")))
    own = {path.name: path.read_bytes() for path in sorted((OWN / "js").glob("*.js"))}
    images = {path.name: path.read_bytes() for path in sorted(OWN.glob("*.*")) if path.is_file()}
    fonts = {path.name: path.read_bytes() for path in sorted((OWN / "fonts").glob("*.woff2"))}
    shipped = {name: _in_package(*where).read_bytes() for name, where in SHIPPED.items()}
    return {"app.css": styles, **own, **images, **fonts, **shipped}


@cache
def version() -> str:
    """The hash of all files and their names."""
    digest = hashlib.sha256()
    for name, content in sorted(files().items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def url(name: str) -> str:
    """The address of a file; raises ``KeyError`` if there is none of that name."""
    files()[name]
    return f"{URL_PREFIX}/{version()}/{name}"


def collect(folder: Path) -> Path:
    """Write the files of this version into ``folder`` for Nginx; returns where they are.

    Files are there as a whole or not at all, also after a power cut, and are readable by whoever runs
    Nginx. Of the versions before, the newest few stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / version()
    if not _whole(target):
        shutil.rmtree(target, ignore_errors=True)
        fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
        for name, content in files().items():
            _write(fresh / name, content)
        fresh.chmod(0o755)
        sync_folder(fresh)
        try:
            fresh.rename(target)
        except OSError:  # another start made it meanwhile
            shutil.rmtree(fresh)
    os.utime(target)
    _forget_old(folder, target)
    return target


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fchmod(file.fileno(), 0o644)
        os.fsync(file.fileno())


def _whole(folder: Path) -> bool:
    """Whether all files are there: a disk that was full or broke may have kept less."""
    try:
        return all((folder / name).stat().st_size == len(content) for name, content in files().items())
    except OSError:
        return False


def _forget_old(folder: Path, current: Path) -> None:
    others = [path for path in folder.iterdir() if path.is_dir() and path != current]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_KEPT - 1 :]:
        with contextlib.suppress(OSError):
            shutil.rmtree(path)
