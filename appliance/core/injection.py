"""Routes name the services they need by type: ``async def page(jobs: Injected[JobService])``.

The app is opened with one object of each type; a route knows neither where it was built nor what else
there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypeVar, cast

from fastapi import Depends
from starlette.requests import HTTPConnection

_Kind = TypeVar("_Kind")


class Services:
    """One object of each type; it is found by what its type extends, too."""

    def __init__(self, *objects: object) -> None:
        self._by_type: dict[type, object] = {}
        for one in objects:
            self.add(one)

    def add(self, one: _Kind) -> _Kind:
        """One more, which is handed back. What another one extends may be added before it or after it."""
        self._by_type[type(one)] = one
        for extended in type(one).__mro__:
            self._by_type.setdefault(extended, one)
        return one

    def __getitem__(self, kind: type[_Kind]) -> _Kind:
        return cast("_Kind", self._by_type[kind])


def service_of(request: HTTPConnection, kind: type[_Kind]) -> _Kind:
    """The running appliance's ``kind``."""
    services: Services = request.state.services
    return services[kind]


if TYPE_CHECKING:
    Injected = Annotated[_Kind, "from the running appliance"]
else:

    class Injected:
        """A route's parameter that is the running appliance's object of this type."""

        def __class_getitem__(cls, kind: type) -> Any:
            async def find(request: HTTPConnection) -> Any:
                return service_of(request, kind)

            return Annotated[kind, Depends(find)]
