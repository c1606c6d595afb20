"""The virtual environment that scripts make, with a real pip on packages made here."""

import base64
import hashlib
import importlib.util
import subprocess
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

from appliance.bare.data_folder import CHECKOUT


def make_wheel(folder: Path, name: str, version: str = "1.0") -> str:
    """A package with one module; the line of a lock file that asks for it."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": f"version = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = ""
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).rstrip(b"=").decode()
            record += f"{path},sha256={digest},{len(content)}\n"
        archive.writestr(f"{info}/RECORD", record + f"{info}/RECORD,,\n")
    return f"{name}=={version} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module, in a checkout of its own with two locks: ``run.lock`` is a part of ``dev.lock``."""
    spec = importlib.util.spec_from_file_location("_venv", CHECKOUT / "scripts" / "_venv.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, path in {
        "CHECKOUT": tmp_path,
        "VENV": tmp_path / ".venv",
        "PYTHON": tmp_path / ".venv" / "bin" / "python",
        "_UNFINISHED": tmp_path / ".venv" / "unfinished",
        "_INSTALLED": tmp_path / ".venv" / "installed.txt",
    }.items():
        monkeypatch.setattr(module, name, path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    one, two = make_wheel(tmp_path, "party"), make_wheel(tmp_path, "balloon")
    (tmp_path / "run.lock").write_text(one, encoding="utf-8")
    (tmp_path / "dev.lock").write_text(one + two, encoding="utf-8")
    return module


def imports(venv: ModuleType, name: str) -> bool:
    return (
        subprocess.run([venv.PYTHON, "-c", f"import {name}"], capture_output=True, check=False).returncode
        == 0
    )


def test_it_is_made_once_and_a_larger_lock_only_adds_to_it(
    venv: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    python = venv.ensure("run.lock")
    assert "packages installed" in capsys.readouterr().err
    made = python.lstat().st_mtime_ns
    assert venv.ensure("run.lock") == python
    assert capsys.readouterr().err == "", "the second time it only looks"
    venv.ensure("dev.lock")
    assert imports(venv, "party")
    assert imports(venv, "balloon")
    capsys.readouterr()
    venv.ensure("run.lock")
    assert capsys.readouterr().err == "", "it is part of the larger one"
    assert python.lstat().st_mtime_ns == made


def test_one_that_lost_a_file_or_was_left_half_made_is_made_again(venv: ModuleType) -> None:
    venv.ensure("run.lock")
    next(venv.VENV.glob("lib/*/site-packages/party.py")).unlink()
    venv.ensure("run.lock")
    assert imports(venv, "party")
    venv._UNFINISHED.touch()
    venv.PYTHON.unlink()
    venv.ensure("run.lock")
    assert imports(venv, "party")
    assert not venv._UNFINISHED.exists()


def test_a_new_version_in_the_lock_replaces_the_old_one(venv: ModuleType) -> None:
    venv.ensure("dev.lock")
    (venv.CHECKOUT / "run.lock").write_text(make_wheel(venv.CHECKOUT, "party", "2.0"), encoding="utf-8")
    venv.ensure("run.lock")
    command = [venv.PYTHON, "-c", "import party; print(party.version)"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "2.0\n"
    assert imports(venv, "balloon")


def test_a_package_that_is_not_the_locked_one_is_refused(venv: ModuleType) -> None:
    lock = venv.CHECKOUT / "run.lock"
    lock.write_text("party==1.0 \\\n    --hash=sha256:" + "0" * 64 + "\n", encoding="utf-8")
    with pytest.raises(venv.VenvError, match="DO NOT MATCH THE HASHES"):
        venv.ensure("run.lock")


def test_one_that_belongs_to_somebody_else_is_left_and_its_owner_named(
    venv: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = venv.VENV / "pyvenv.cfg"
    left.parent.mkdir()
    left.touch()
    monkeypatch.setattr(venv.os, "access", lambda *_: False)
    with pytest.raises(venv.VenvError, match=f"belongs to {left.owner()}. Run this as {left.owner()}"):
        venv.ensure("run.lock")
    assert left.exists()
