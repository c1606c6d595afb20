"""What a driver can say of a machine of the venue's own."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from appliance.core.clock import Deadline
from appliance.core.language import Message
from appliance.providers.base import Params


@runtime_checkable
class ChecksMachine(Protocol):
    """A driver whose server is a machine of the venue's own, which may lack what a route needs."""

    async def lacks(self, params: Params, deadline: Deadline) -> tuple[Message, ...]:
        """What that machine has not got, in sentences. Fails as ``edit`` would."""
        ...
