"""Parts of providers' errors, read so that an odd one does not hide what the others say."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator

from appliance.providers.scrub import word


def objects(value: Any) -> list[Any]:
    """The JSON objects of a list; one that stands alone counts as a list of one."""
    found = value if isinstance(value, list) else [value]
    return [one for one in found if isinstance(one, dict)]


# What is no text counts as none.
Text = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else "")]


class _Item(BaseModel):
    loc: Any = None
    msg: Text = ""
    type: Text = ""

    @property
    def text(self) -> str:
        place = ".".join(map(str, self.loc)) if isinstance(self.loc, list) else ""
        return f"{place}: {self.msg}"


class InputErrors(BaseModel):
    """FastAPI's form of errors: a text, or a list of what is wrong with the input."""

    detail: Annotated[
        list[_Item] | str, BeforeValidator(lambda value: value if isinstance(value, str) else objects(value))
    ]

    @property
    def text(self) -> str:
        """What it says, for people."""
        return self.detail if isinstance(self.detail, str) else "; ".join(one.text for one in self.detail)

    @property
    def type(self) -> str:
        """The word for what is wrong with the input; empty if there is none."""
        return word(self.detail[0].type) if isinstance(self.detail, list) and self.detail else ""
