"""The JSON forms of booths' requests. No password and no key stands in them."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from appliance.core.frozen import FrozenModel, StrictModel
from appliance.core.images import JPEG
from appliance.core.language import Language, language
from appliance.ingest.booth_requests.log import Booth
from appliance.ingest.booth_requests.records import BoothRequest
from appliance.staff.booths.findings import findings
from appliance.staff.booths.programs import Program

_MAY_BE_NULL = "`null` without `results:read`, and once it is forgotten"
_JOB = "5f0c2a52-4a5e-4a0f-9d68-0d2f6a1c7b11"


class SentValue(FrozenModel):
    """A value of the address, a header, or a text field; secrets are masked, long ones cut."""

    name: str = Field(examples=["password"])
    text: str | None = Field(description=_MAY_BE_NULL, examples=["•••"])
    size: int = Field(description="its bytes as they came")


class SentFileView(FrozenModel):
    """A file part."""

    field: str = Field(examples=["fileToUpload"])
    name: str | None = Field(description=_MAY_BE_NULL, examples=["IMG_0003.JPG"])
    media_type: str = Field(description="as the booth declared it", examples=[JPEG.media_type])
    size: int = Field(description="bytes that came")
    real_type: str | None = Field(description="as its bytes say, where it is a picture")
    width: int | None
    height: int | None


class FindingView(FrozenModel):
    """What is wrong, or worth a look, and what to do."""

    name: str = Field(examples=["no_password"])
    mood: Literal["wrong", "note"]
    what: str
    do: str


class BoothRequestView(FrozenModel):
    """One request as it arrived, and its outcome."""

    number: int
    at: datetime
    address: str = Field(examples=["192.168.1.31"])
    method: str = Field(examples=["POST"])
    path: str = Field(examples=["/api/ingest/slot-001"])
    slot_id: str = Field(description="as it was asked for, there or not")
    protocol: str = Field(examples=["HTTP/1.1"])
    query: list[SentValue]
    headers: list[SentValue]
    fields: list[SentValue]
    files: list[SentFileView]
    charsets: list[str] = Field(description="character sets that fields declared")
    shown_by: Literal["address", "field", "password"] | None = Field(
        description="what let it in: a key in the address or in a field, or the password"
    )
    booth: str = Field(description="the name of the booth's key, where it brought one")
    is_test: bool = Field(description="sent by the simulator")
    reply: str | None = Field(description="the form of the answer", examples=["image"])
    reply_from: Literal["address", "accept", "slot"] | None = Field(description="what chose the form")
    status: int
    code: str = Field(description="empty: no error")
    message: str
    job_id: str | None = Field(examples=[_JOB])
    hung_up: bool = Field(description="the booth did not wait for the answer")
    ms: int = Field(description="from the first byte to the answer")
    timings: dict[str, int] = Field(
        description="milliseconds of `receive`, `wait`, `provider`, `finish`, `store`, as far as it came"
    )
    findings: list[FindingView] = Field(description="what is wrong first; empty: nothing")

    @classmethod
    def of(cls, one: BoothRequest, words: Language) -> BoothRequestView:
        """A request and what is wrong with it, in the reader's language."""
        said = [
            FindingView(name=found.name, mood=found.mood, what=found.what(words), do=found.do(words))
            for found in findings(one)
        ]
        return cls.from_object(one, findings=said)


class BoothView(FrozenModel):
    """A booth: one that brought a key, else an address."""

    id: str
    name: str = Field(description="of its key; empty without one")
    address: str = Field(description="the last one", examples=["192.168.1.31"])
    machine: str = Field(
        description="how its computer calls itself; empty where it does not say, and without `results:read`"
    )
    requests: list[BoothRequestView] = Field(description="the newest first, 20 at most")

    @classmethod
    def of(cls, booth: Booth, words: Language, *, with_values: bool) -> BoothView:
        """A booth and its last requests; what guests may have typed only ``with_values``."""
        requests = [one if with_values else one.without_values() for one in booth.requests]
        return cls.from_object(
            booth,
            machine=next((one.machine for one in requests if one.machine), ""),
            requests=[BoothRequestView.of(one, words) for one in requests],
        )


class NewSimulation(StrictModel):
    """What a simulated booth is to send, and where."""

    program: Program = "dslr_remote_pro"
    slot_id: str = Field(pattern=r"^slot-\d{3}$", examples=["slot-001"])


class SimulationView(FrozenModel):
    """What a simulated booth sent, and what it would show."""

    id: str
    program: Program
    slot_id: str
    address: str = Field(description="as it is typed into the booth, with the key masked")
    by_front_door: bool = Field(description="`false`: Nginx is not known, and it posted to the app itself")
    began: datetime
    running: bool
    status: int = Field(description="0: no answer yet, or none at all; then `problem` says why")
    headers: dict[str, str]
    text: str = Field(description="of the answer, where it is no picture: its beginning")
    code: str
    message: str = Field(description="of an error, as the booth prints it")
    shows: Literal["picture", "original"] = Field(
        description="the picture that came, or the photo that it sent, as after any failure"
    )
    job_id: str | None = Field(examples=[_JOB])
    ms: int
    problem: str


class BoothList(FrozenModel):
    """The booths that posted since the start, the last one first; 50 at most."""

    booths: list[BoothView]

    @classmethod
    def of(cls, booths: list[Booth], code: str = "en", *, with_values: bool) -> BoothList:
        """Booths in a reader's language; what guests may have typed only ``with_values``."""
        words = language("staff", code)
        return cls(booths=[BoothView.of(booth, words, with_values=with_values) for booth in booths])
