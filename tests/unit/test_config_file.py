"""A wrong config file is refused with every problem, by line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.config_file import ConfigError, key_lines, load_config
from appliance.core.clock import utcnow
from appliance.providers.registry import ProviderRegistry
from appliance.settings.operator import OperatorSettings
from tests.support.stack import CHECKOUT

SHIPPED = (CHECKOUT / "config/appliance.toml").read_text()


@pytest.fixture(scope="module")
def registry() -> ProviderRegistry:
    return ProviderRegistry(OperatorSettings())


def problems(tmp_path: Path, registry: ProviderRegistry, text: str) -> list[str]:
    file = tmp_path / "appliance.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(file, registry)
    return caught.value.problems


def test_the_shipped_file_is_ready_to_use(registry: ProviderRegistry) -> None:
    config = load_config(CHECKOUT / "config/appliance.toml", registry)
    assert [account.username for account in config.accounts] == ["serg", "igor"]
    assert len(config.slots) == 15
    assert len({(slot.provider, slot.operation) for slot in config.slots[:4]}) == 4
    assert {slot.provider for slot in config.slots[:4]} == {"local"}
    assert {"settings:write", "slots:write", "media:write", "results:read"} <= set(
        config.roles[config.accounts[0].role].permissions
    )
    assert (config.defaults.sync_response_seconds, config.defaults.result_ttl_hours) == (48, 72)
    assert (config.defaults.max_upload_mb, config.defaults.max_pixels_mp) == (20, 60)


def test_every_problem_is_listed_by_line_and_key(tmp_path: Path, registry: ProviderRegistry) -> None:
    text = SHIPPED
    for old, new in [
        ("sync_response_seconds = 48", "sync_response_seconds = 61"),
        ('username = "igor"\nrole = "administrator"', 'username = "igor"\nrole = "boss"'),
        ('id = "slot-003"', 'id = "slot-016"'),
        ('operation = "vintage"', 'operation = "vintge"'),
        ("grain = 30", "grain = 300"),
        ('reply = "json"', 'reply = "fax"'),
    ]:
        assert old in text
        text = text.replace(old, new, 1)
    found = problems(tmp_path, registry, text)

    def line(words: str) -> int:
        return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)

    expected = {
        f"line {line('sync_response_seconds')}: defaults.sync_response_seconds: ": "60",
        f"line {line('boss')}: accounts[2].role: ": "there is no role 'boss'",
        f"line {line('slot-016')}: slots[3].id: ": "none of slot-001 to slot-015",
        f"line {line('vintge')}: slots[2].operation: ": "monochrome, vintage",
        f"line {line('grain = 300')}: slots[1].params.grain: ": "100",
        f"line {line('fax')}: slots[1].reply: ": "'image'",
    }
    for place, words in expected.items():
        assert any(place in problem and words in problem for problem in found), (place, found)
    assert any("missing: slot-003" in problem for problem in found)
    assert len(found) == len(expected) + 1


@pytest.mark.parametrize(
    ("old", "new"), [('username = "serg"', 'username = "Serg"'), ("slot_permits = 2", 'slot_permits = "two"')]
)
def test_one_mistake_makes_no_slot_look_wrong(tmp_path: Path, old: str, new: str) -> None:
    assert old in SHIPPED
    (found,) = problems(tmp_path, ProviderRegistry(OperatorSettings()), SHIPPED.replace(old, new))
    assert new.partition(" ")[0] in found


def test_a_file_that_may_not_be_read_is_named_with_what_to_do(
    tmp_path: Path, registry: ProviderRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refused)
    with pytest.raises(ConfigError, match=r"Make it readable: chmod a\+r appliance\.toml"):
        load_config(tmp_path / "appliance.toml", registry)


def test_a_syntax_error_names_its_line(tmp_path: Path, registry: ProviderRegistry) -> None:
    (only,) = problems(tmp_path, registry, "[defaults]\nevent_title = unquoted\n")
    assert "line 2" in only


def test_a_key_that_does_not_exist_is_named(tmp_path: Path, registry: ProviderRegistry) -> None:
    text = SHIPPED.replace("[defaults]\n", "[defaults]\nresult_ttl = 3\n", 1)
    (only,) = problems(tmp_path, registry, text)
    assert "defaults.result_ttl: there is no such key" in only


def test_a_file_that_is_not_there_is_named(tmp_path: Path, registry: ProviderRegistry) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "none.toml", registry)


def test_lines_are_found_in_nested_tables_and_arrays() -> None:
    text = (
        '[[slots]]\nid = 1\n[slots.params]\nx = """\nid = 2\n"""\n[[slots]]\nid = 3\n[slots.params]\ny = 1\n'
    )
    lines = key_lines(text)
    assert lines["slots", 0, "id"] == 2
    assert lines["slots", 0, "params", "x"] == 4
    assert lines["slots", 1, "id"] == 8
    assert lines["slots", 1, "params", "y"] == 10


def test_a_permission_that_does_not_exist_is_named(tmp_path: Path, registry: ProviderRegistry) -> None:
    text = SHIPPED.replace('"slots:read", "results:read"', '"slots:read", "slots:burn"', 1)
    (only,) = problems(tmp_path, registry, text)
    line = next(number for number, line in enumerate(text.splitlines(), 1) if "slots:burn" in line)
    assert only.startswith(f"appliance.toml, line {line}: roles.viewer.permissions[2]: ")
    assert "'slots:pause'" in only


def test_not_one_shipped_slot_names_a_model_that_is_going(registry: ProviderRegistry) -> None:
    config = load_config(CHECKOUT / "config/appliance.toml", registry)
    today = utcnow().date()
    routes = [(slot.provider, slot.model) for slot in config.slots]
    routes += [(route.provider, route.model) for slot in config.slots for route in slot.fallbacks]
    models = {
        (provider, name): model.state_on(today)
        for provider, name in routes
        if (model := registry.catalogue.get(provider, name))
    }
    assert set(models) == {("gemini", "gemini-nano-banana-2.1"), ("openai", "gpt-image-2.6-flare")}
    assert set(models.values()) <= {"recommended", "current"}


def test_a_wrong_fact_of_a_model_is_named_by_line_and_key(tmp_path: Path, registry: ProviderRegistry) -> None:
    line = SHIPPED.count("\n") + 3
    text = SHIPPED + '\n[catalogue.openai.models.gpt-image-2]\ncapabilities = { pictures_in = "many" }\n'
    assert problems(tmp_path, registry, text) == [
        (
            f"appliance.toml, line {line}: catalogue.openai.models.gpt-image-2.capabilities.pictures_in: "
            "must be a whole number"
        )
    ]
