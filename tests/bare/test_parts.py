"""The small parts of the bare run, without starting it."""

import re
from pathlib import Path

import pytest

from appliance.bare import ports, start
from appliance.bare.data_folder import CHECKOUT, DataFolder, Ports
from appliance.bare.environment import environment
from appliance.bare.options import parse
from appliance.bare.preparation import Passwords
from appliance.bare.problem import Problem
from appliance.bare.report import Report
from appliance.lifecycle.stack import front_door


def test_a_template_with_a_missing_or_an_unknown_variable_is_refused() -> None:
    assert front_door.render("listen ${PORT}; # $host", {"PORT": "80"}) == "listen 80; # $host"
    with pytest.raises(ValueError, match=r"missing: .'PORT'"):
        front_door.render("listen ${PORT};", {})
    with pytest.raises(ValueError, match=r"unknown: .'HOST'"):
        front_door.render("listen 80;", {"HOST": "x"})


def test_the_template_lists_its_variables_at_the_top() -> None:
    text = front_door.TEMPLATE.read_text(encoding="utf-8")
    head, _, rest = text.partition("worker_processes")
    assert set(front_door.VARIABLE.findall(head)) == set(front_door.VARIABLE.findall(rest))


def test_the_same_command_line_can_be_given_to_another_process() -> None:
    for line in ([], ["--detach"], ["--port", "99", "--json", "--data", "/tmp/x", "--status"]):
        options = parse(line)
        assert parse(options.argv()) == options


@pytest.mark.parametrize("name", ["a$b", 'a"b', "a;b", "a\nb", "100%"])
def test_a_folder_name_that_would_break_a_configuration_is_refused(name: str) -> None:
    with pytest.raises(Problem, match="choose one without"):
        DataFolder.of(Path("/tmp") / name)


def test_ports_are_kept_while_they_are_free(tmp_path: Path) -> None:
    folder = DataFolder.of(tmp_path / "data")
    folder.make_folders()
    first = ports.choose(folder, 8080)
    assert ports.choose(folder, 8080) == first
    taken = ports.socket.create_server(("127.0.0.1", first.postgres))
    second = ports.choose(folder, 8080)
    taken.close()
    assert second.postgres != first.postgres


def test_the_ports_of_a_version_whose_app_had_one_are_read(tmp_path: Path) -> None:
    folder = DataFolder.of(tmp_path / "data")
    folder.make_folders()
    (folder.run / "ports.json").write_text('{"public": 8080, "app": 8123, "postgres": 5433}')
    assert folder.read_ports() == Ports(public=8080, postgres=5433)


@pytest.mark.parametrize(
    ("made", "kept", "password"),
    [
        (Passwords({}, "s3 cret"), Passwords({}, "s3 cret"), "-F 'password=s3 cret'"),
        (Passwords(), Passwords({}, "s3cret"), "first-passwords.json"),
        (Passwords(), Passwords(), "password=YOUR-INGEST-PASSWORD"),
    ],
)
def test_the_curl_line_knows_the_password_as_long_as_anyone_may(
    made: Passwords, kept: Passwords, password: str
) -> None:
    curl = Report(DataFolder.of(Path("/data")), 8080, made, kept).curl()
    assert password in curl
    assert "s3cret" not in curl
    assert "'http://localhost:8080/api/ingest/slot-001?reply=image'" in curl


def test_the_backups_passphrase_is_told_until_it_was_seen() -> None:
    seen, unseen = Passwords(), Passwords(backup="seal-the-box")
    for made, kept in ((unseen, unseen), (Passwords({}, "s3cret"), unseen)):
        assert "seal-the-box" in Report(DataFolder.of(Path("/data")), 8080, made, kept).text()
    assert "Passphrase" not in Report(DataFolder.of(Path("/data")), 8080, seen, seen).text()


def test_the_standard_port_is_not_in_the_address() -> None:
    assert Report(DataFolder.of(None), 80, Passwords(), Passwords()).bases()[-1] == "http://localhost"


def test_both_ways_to_run_tell_the_allocator_the_same(tmp_path: Path) -> None:
    made = environment(DataFolder.of(tmp_path), Ports(8080, 8082))
    told = {f"{name}={value}" for name, value in made.items() if name.startswith("MALLOC_")}
    image = (CHECKOUT / "image/Dockerfile").read_text(encoding="utf-8")
    assert told
    assert told == {word for word in image.split() if word.startswith("MALLOC_")}


def test_a_mode_that_the_image_gives_what_it_copies_lets_everybody_into_a_folder() -> None:
    """Since Docker 28.1 it is also the mode of the folders."""
    image = (CHECKOUT / "image/Dockerfile").read_text(encoding="utf-8")
    modes = [int(mode, 8) for mode in re.findall(r"^COPY .*--chmod=(\d+)", image, re.MULTILINE)]
    assert modes
    assert all(mode & 0o111 == 0o111 for mode in modes)


def test_a_limit_of_open_files_that_is_too_low_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start.resource, "getrlimit", lambda _: (256, 256))
    with pytest.raises(Problem, match=r"Only 256 files may be open at once here, but 1024 are needed"):
        start._raise_file_limit()
