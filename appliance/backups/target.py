"""Where backups go beside this machine, as somebody enters it; the address holds no secret."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, get_args

from pydantic import (
    ConfigDict,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationInfo,
    field_validator,
    model_validator,
)

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.language import Message
from appliance.core.web_address import must_be_allowed, secret_place

Kind = Literal["folder", "sftp", "s3"]
KINDS: tuple[Kind, ...] = get_args(Kind)
STORED = {"stored": True}  # of a validation: the values come from the database

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9a-fA-F:]{2,45}")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class _Part(StrictModel):
    model_config = ConfigDict(str_strip_whitespace=True)


def _plain_path(value: str) -> str:
    if ".." in value.split("/") or any(ord(letter) < 32 for letter in value):
        raise ValueError(Message("must be a plain path"))
    return value


class FolderTarget(_Part):
    """A folder of this machine: a disk or stick that is mounted there, a NAS's share."""

    kind: Literal["folder"]
    path: str = Field(min_length=2, max_length=300, examples=["/mnt/nas/photochanger"])

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError(Message("must begin with /"))
        return _plain_path(value).rstrip("/")

    def describe(self) -> str:
        """The address in one line."""
        return self.path


class SftpTarget(_Part):
    """A folder of another machine that answers SSH."""

    kind: Literal["sftp"]
    host: str = Field(min_length=1, max_length=253, examples=["nas.example.org"])
    port: int = Field(default=22, ge=1, le=65535)
    user: str = Field(min_length=1, max_length=64, examples=["photochanger"])
    path: str = Field(
        default="photochanger",
        min_length=1,
        max_length=300,
        description="from the user's home, unless it begins with /; it must be there",
    )

    @field_validator("host")
    @classmethod
    def _host_form(cls, value: str, info: ValidationInfo) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError(Message("must be a host name or an address"))
        if info.context is not STORED:
            must_be_allowed(value)
        return value

    @field_validator("path")
    @classmethod
    def _path_form(cls, value: str) -> str:
        return _plain_path(value).rstrip("/") or "/"

    def describe(self) -> str:
        """The address in one line."""
        port = "" if self.port == 22 else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"sftp://{self.user}@{host}{port}/{self.path.removeprefix('/')}"


class S3Target(_Part):
    """A bucket of a service or a NAS that speaks S3."""

    kind: Literal["s3"]
    endpoint: str = Field(max_length=300, examples=["https://s3.eu-central-1.amazonaws.com"])
    bucket: str = Field(examples=["photochanger-backups"])
    prefix: str = Field(default="", max_length=200, description="a folder in the bucket")
    region: str = Field(default="us-east-1", pattern=r"^[a-z0-9-]{1,40}$")

    @field_validator("endpoint")
    @classmethod
    def _endpoint_form(cls, value: str, info: ValidationInfo) -> str:
        return value if info.context is STORED else secret_place(value)

    @field_validator("bucket")
    @classmethod
    def _bucket_form(cls, value: str) -> str:
        if not _BUCKET.fullmatch(value):
            raise ValueError(Message("must be a bucket's name"))
        return value

    @field_validator("prefix")
    @classmethod
    def _prefix_form(cls, value: str) -> str:
        return _plain_path(value).strip("/")

    def describe(self) -> str:
        """The address in one line."""
        return f"{self.endpoint}/{'/'.join(filter(None, (self.bucket, self.prefix)))}"


Address = Annotated[FolderTarget | SftpTarget | S3Target, Field(discriminator="kind")]
_ADDRESS: TypeAdapter[FolderTarget | SftpTarget | S3Target] = TypeAdapter(Address)


def stored_address(values: dict[str, Any]) -> FolderTarget | SftpTarget | S3Target:
    """The address of a row: what an earlier version took goes on being used."""
    return _ADDRESS.validate_python(values, context=STORED)


class TargetSecrets(_Part):
    """What opens the target; kept encrypted, never shown."""

    password: SecretStr | None = Field(default=None, max_length=500, description="SFTP")
    private_key: SecretStr | None = Field(
        default=None,
        max_length=20_000,
        description="SFTP: a private key in OpenSSH's form, without passphrase",
    )
    access_key: SecretStr | None = Field(default=None, max_length=200, description="S3")
    secret_key: SecretStr | None = Field(default=None, max_length=500, description="S3")

    def plain(self) -> dict[str, str]:
        """The values themselves, for encryption and for the connection."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: one.get_secret_value() for name, one in found.items() if one and one.get_secret_value()}


class TargetConfig(_Part):
    """All that it takes to reach the target, and how it is used."""

    address: Address
    secrets: TargetSecrets = TargetSecrets()
    host_key: str | None = Field(default=None, max_length=4000, description="SFTP: the key that was pinned")
    marker: str | None = Field(default=None, max_length=64, description="what its marker must say")

    @model_validator(mode="after")
    def _opens(self) -> TargetConfig:
        known = self.secrets.plain()
        if self.address.kind == "sftp" and not known.keys() & {"password", "private_key"}:
            raise ValueError(Message("needs a password or a private key"))
        if self.address.kind == "s3" and not {"access_key", "secret_key"} <= known.keys():
            raise ValueError(Message("needs both keys"))
        return self

    def plain(self) -> dict[str, Any]:
        """With the secrets, for a process of our own."""
        return self.model_dump(mode="json", exclude={"secrets"}) | {"secrets": self.secrets.plain()}


class TargetTest(FrozenModel):
    """What came of trying a target; ``marker`` is what it says from now on."""

    ok: bool
    reason: str | None = Field(default=None, description="why not", examples=["refused"])
    detail: str = Field(default="", description="the other side's words", examples=[""])
    host_key: str | None = Field(default=None, description="SFTP: the key that the machine shows")
    fingerprint: str | None = Field(default=None, description="of that key, as `ssh-keygen -l` shows it")
    marker: str | None = None
    of_another: bool = Field(default=False, description="another appliance keeps its backups there")
    same_disk: bool = Field(default=False, description="the folder lies on the disk of the pictures")
    backups: int = Field(default=0, description="whole backups that are there")
