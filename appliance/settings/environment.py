"""What the deployment fixes: the environment, read once, frozen, and handed down.

Every name is listed in ``docs/ops/settings.md``; a test compares the two. What an operator may
change lives in the database (``settings/operator.py``).
"""

from __future__ import annotations

import os
import re
import sys
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

from appliance.core.processes import MOST_NODES, MOST_PROCESSES, listen_of, node_addresses, number_of
from appliance.core.validation import plain_message
from appliance.core.web_address import BaseAddress, SecretPlace, parse_address

PREFIX = "PHOTOCHANGER_"
_LISTEN = re.compile(r"(?P<host>[^:\[\]]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})|unix:(?P<path>/.+)")


class SettingsError(Exception):
    """The environment is wrong; ``problems`` lists everything that is, one line each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Settings(BaseSettings):
    """The deployment's settings; see ``docs/ops/settings.md``."""

    # An empty value is none: a compose file cannot leave a name out.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, frozen=True, extra="forbid", env_ignore_empty=True, populate_by_name=True
    )

    database_url: str = Field(
        description="postgresql://user@host:port/name; the password comes from a secret file"
    )
    media_root: Path = Field(description="folder for pictures: temp, results, templates, previews")
    secrets_dir: Path = Field(description="folder with the secret files, readable only by the appliance")
    config_file: Path = Field(description="the TOML file that seeds accounts, slots and defaults")
    site_dir: Path | None = Field(
        default=None, description="folder with a venue's own files, such as models.toml"
    )
    listen: str = Field(
        default="127.0.0.1:8000", description="host:port or unix:/path on which the app listens"
    )
    processes: int = Field(
        default=1,
        ge=1,
        le=MOST_PROCESSES,
        validation_alias="APP_PROCESSES",
        description="how many equal processes the app has",
    )
    process: int = Field(
        default=1,
        ge=1,
        le=MOST_PROCESSES,
        validation_alias="APP_PROCESS",
        description="which of them this is",
    )
    node: int = Field(
        default=1,
        ge=1,
        le=MOST_NODES,
        validation_alias="APP_NODE",
        description="which of several machines of one site this is; 1 has the database and Nginx",
    )
    nodes: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        validation_alias="APP_NODES",
        description="on the first machine: addresses of the others' processes, host[:port[-port]] each",
    )
    node_listen: str | None = Field(
        default=None,
        pattern=r"^[0-9.]+:\d{1,5}$",
        description="host:port on which a node is reached by the first machine's Nginx",
    )
    temp_dir: Path | None = Field(
        default=None, description="folder of uploads under way, this machine's own; else temp in media_root"
    )
    front_door: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9.\-]+:\d{1,5}$",
        description="host:port of Nginx as the app reaches it, for simulated booths; else they go past Nginx",
    )
    public_base_url: BaseAddress | None = Field(
        default=None, description="base of the links guests get; without it, the request's own host"
    )
    lan_base_url: BaseAddress | None = Field(
        default=None, description="address at which phones reach this machine, for requests sent to localhost"
    )
    lan_other_urls: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="other addresses at which phones may reach this machine, separated by commas"
    )
    local_name: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$",
        description="name announced as NAME.local in the local network",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="addresses of proxies that may name the client, separated by commas",
    )
    provider_base_urls: Annotated[dict[str, SecretPlace], NoDecode] = Field(
        default_factory=dict,
        description="name=address pairs, separated by commas: where providers are reached instead of at "
        "their usual addresses",
    )
    backup_dir: Path | None = Field(
        default=None, description="folder for backups; without it, no nightly backups are made"
    )
    backup_hour: int = Field(default=4, ge=0, le=23, description="hour of the nightly backup, local time")
    backup_keep: int = Field(default=7, ge=1, le=365, description="how many backups are kept")
    model_check_hour: int = Field(
        default=3,
        ge=-1,
        le=23,
        description="hour of the nightly check of the models in use, local time; -1: never",
    )
    metrics_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(), description="networks that may read /metrics without the token, separated by commas"
    )
    log_level: str = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @field_validator("trusted_proxies", "lan_other_urls", "metrics_networks", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("nodes", mode="before")
    @classmethod
    def _addresses(cls, value: Any) -> Any:
        return tuple(node_addresses(value)) if isinstance(value, str) else value

    @field_validator("provider_base_urls", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        pairs = dict(part.strip().partition("=")[::2] for part in value.split(",") if part.strip())
        for name, address in pairs.items():
            if not address:
                raise ValueError(f"{name} must be given as {name}=https://…")
        return pairs

    @field_validator("lan_other_urls")
    @classmethod
    def _bases(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        addresses = [parse_address(base) for base in value]
        if any(address.path for address in addresses):
            raise ValueError("must be addresses such as http://192.168.1.20:8080")
        return tuple(map(str, addresses))

    @field_validator("listen")
    @classmethod
    def _listen_form(cls, value: str) -> str:
        if not _LISTEN.fullmatch(value):
            raise ValueError("must be host:port or unix:/path")
        return value

    @model_validator(mode="after")
    def _one_of_them(self) -> Settings:
        if self.process > self.processes:
            raise ValueError(f"APP_PROCESS is {self.process}, and APP_PROCESSES only {self.processes}")
        if self.processes > 1 and not self.listen.startswith("unix:"):
            raise ValueError("APP_PROCESSES above 1 needs PHOTOCHANGER_LISTEN to be unix:/path")
        if self.several and not self.listen.startswith("unix:"):
            raise ValueError("Several machines need PHOTOCHANGER_LISTEN to be unix:/path")
        if self.node > 1 and self.nodes:
            raise ValueError("APP_NODES is for the first machine; APP_NODE says that this is another one")
        if (self.node > 1) != (self.node_listen is not None):
            raise ValueError("PHOTOCHANGER_NODE_LISTEN goes with an APP_NODE above 1")
        return self

    @property
    def several(self) -> bool:
        """Whether there are other equal processes, here or on other machines."""
        return self.processes > 1 or self.node > 1 or bool(self.nodes)

    @property
    def number(self) -> int:
        """Of this process among those of all machines."""
        return number_of(self.node, self.process)

    @field_validator("database_url")
    @classmethod
    def _postgres_only(cls, value: str) -> str:
        if not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("log_level")
    @classmethod
    def _known_level(cls, value: str) -> str:
        if value.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("must be DEBUG, INFO, WARNING or ERROR")
        return value.upper()

    def sqlalchemy_url(self) -> URL:
        """The database's address for asyncpg, with the password from ``database-password``."""
        from sqlalchemy.engine import make_url  # noqa: PLC0415 - some verbs need no database

        url = make_url(self.database_url).set(drivername="postgresql+asyncpg")
        secret = self._database_password_file
        if url.password is None and secret.exists():
            url = url.set(password=secret.read_text(encoding="utf-8").strip())
        return url

    def database_password_now(self) -> str | None:
        """What the file says by now, for an app that was started with another; ``None``: nothing new."""
        from sqlalchemy.engine import make_url  # noqa: PLC0415 - likewise

        if make_url(self.database_url).password is not None:
            return None
        try:
            return self._database_password_file.read_text(encoding="utf-8").strip() or None
        except OSError:  # lost: the one from the start still holds
            return None

    @property
    def _database_password_file(self) -> Path:
        return self.secrets_dir / "database-password"

    def listen_options(self) -> dict[str, Any]:
        """Where this process listens, as Uvicorn's own options."""
        found = _LISTEN.fullmatch(listen_of(self.listen, self.process))
        assert found  # noqa: S101 - the validator saw to it
        if found["path"]:
            return {"uds": found["path"]}
        return {"host": found["host"].strip("[]"), "port": int(found["port"])}

    def node_place(self) -> tuple[str, int]:
        """Host and port on which this process of a node is reached by the first machine."""
        assert self.node_listen  # noqa: S101 - the validator saw to it
        host, _, port = self.node_listen.rpartition(":")
        return host, int(port) + self.process - 1


def environment_names() -> list[str]:
    """Every environment variable that ``Settings`` reads."""
    fields = Settings.model_fields.items()
    return [str(field.validation_alias or PREFIX + name.upper()) for name, field in fields]


def _unknown_names() -> list[str]:
    known = set(environment_names())
    given = (name for name in sorted(os.environ) if name.startswith(PREFIX) and os.environ[name])
    return [name for name in given if name not in known]


def _place(loc: tuple[int | str, ...]) -> list[str]:
    """The variable's name, and where in its value; nothing for what is wrong with several together."""
    if not loc:
        return []
    name = str(loc[0])
    return [name if name in environment_names() else PREFIX + name.upper(), *map(str, loc[1:])]


def _zone_problems() -> list[str]:
    """What is wrong with ``TZ``: for a name that it does not know, the system takes UTC without a word."""
    name = os.environ.get("TZ", "")
    is_a_rule = {",", ":"} & set(name)  # as POSIX and the C library allow
    if not name or is_a_rule or _is_zone(name) or not _is_zone("UTC"):
        return []
    return [f"TZ: there is no time zone {name!r}; its name is such as Europe/Moscow"]


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, a path, a folder of zones
        return False
    return True


def load_settings() -> Settings:
    """Read the environment; raises ``SettingsError`` with every problem, misspelt names included."""
    problems = [f"{name}: there is no such setting" for name in _unknown_names()]
    if problems and "APPLIANCE_VERSION" in os.environ:
        # In the image: a newer compose file says more than this version knows, on the way back to it.
        sys.stderr.writelines(f"{problem} in this version\n" for problem in problems)
        problems = []
    problems += _zone_problems()
    try:
        settings = Settings()
    except ValidationError as error:
        for item in error.errors():
            said = "is not set" if item["type"] == "missing" else plain_message(item)
            problems.append(": ".join([*_place(item["loc"]), said]))
        raise SettingsError(problems) from None
    if problems:
        raise SettingsError(problems)
    return settings
