"""Findings say in plain words what must stand in a field."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, SecretStr, ValidationError, field_validator

from appliance.core.validation import field_messages


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(default="a", min_length=1, max_length=3)
    seconds: float = Field(default=20, ge=10, le=60)
    copies: int = 1
    paper: Literal["matte", "glossy"] = "matte"
    password: SecretStr = Field(default=SecretStr("ab"), min_length=1, max_length=3)
    code: SecretStr = Field(default=SecretStr("ab"), min_length=2, max_length=3)
    link: HttpUrl | None = Field(default=None, max_length=20)
    frames: list[str] = Field(default=["a", "b"], min_length=2, max_length=3)
    guests: list[str] = Field(default=["a"], min_length=1, max_length=1)
    initial: str = Field(default="a", max_length=1)

    @field_validator("name")
    @classmethod
    def _no_slash(cls, value: str) -> str:
        if "/" in value:
            raise ValueError("must have no slash")
        return value


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": ""}, "must not be empty"),
        ({"name": "long"}, "must have at most 3 characters"),
        ({"name": 5}, "must be text"),
        ({"name": "a/b"}, "must have no slash"),
        ({"seconds": 9}, "must be 10 or more"),
        ({"seconds": 61}, "must be 60 or less"),
        ({"seconds": "soon"}, "must be a number"),
        ({"copies": 1.5}, "must be a whole number"),
        ({"paper": "wet"}, "must be 'matte' or 'glossy'"),
        ({"colour": "red"}, "is not known here; leave it out"),
        ({"password": ""}, "must not be empty"),
        ({"password": "long"}, "must have at most 3 characters"),
        ({"password": SecretStr("long")}, "must have at most 3 characters"),
        ({"code": "a"}, "must have at least 2 characters"),
        ({"link": "https://example.org/a/long/one"}, "must have at most 20 characters"),
        ({"frames": ["a"]}, "must have at least 2 entries"),
        ({"frames": []}, "must have at least 2 entries"),
        ({"frames": ["a"] * 4}, "must have at most 3 entries"),
        ({"guests": []}, "must not be empty"),
        ({"guests": ["a", "b"]}, "must have at most 1 entry"),
        ({"initial": "ab"}, "must have at most 1 character"),
    ],
)
def test_each_finding_says_what_must_stand_there(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Order.model_validate(given)
    assert field_messages(refused.value, "order") == {f"order.{next(iter(given))}": message}


def test_a_finding_nobody_foresaw_keeps_pydantics_words() -> None:
    class Odd(BaseModel):
        size: bytes

    with pytest.raises(ValidationError) as refused:
        Odd.model_validate({"size": 1})
    assert field_messages(refused.value) == {"size": "Input should be a valid bytes"}
