"""The providers that exist, by name. A new provider is a folder and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from appliance.core.errors import ValidationFailed
from appliance.core.language import Message
from appliance.core.validation import field_messages
from appliance.core.web_address import parse_address
from appliance.providers.base import Driver, Operation, Params
from appliance.providers.bfl.driver import BflDriver
from appliance.providers.catalogue import Catalogue, ProviderModels, shipped
from appliance.providers.comfyui.driver import ComfyUIDriver
from appliance.providers.fal.driver import FalDriver
from appliance.providers.gemini.driver import API_VERSION, GeminiDriver
from appliance.providers.local.driver import LocalDriver
from appliance.providers.openai.driver import OpenAIDriver
from appliance.providers.operator_models import refuse_wrong, with_settings
from appliance.providers.pool import build_client
from appliance.providers.turbotext.driver import TurbotextDriver
from appliance.settings.operator import OperatorSettings, ProviderConnection

DEFAULT_URLS = {
    "bfl": "https://api.bfl.ai",
    "comfyui": "http://127.0.0.1:8188",
    "fal": "https://queue.fal.run",
    "gemini": "https://generativelanguage.googleapis.com",
    "openai": "https://api.openai.com",
    "turbotext": "https://www.turbotext.ru",
}


@dataclass(frozen=True, slots=True)
class DriverConfig:
    """What a driver is built from; another one is built when this changes."""

    base_url: str
    connection: ProviderConnection
    can_publish: bool
    models: ProviderModels


Builder = Callable[[DriverConfig], Driver]


def _with_models(kind: type[BflDriver | FalDriver | OpenAIDriver]) -> Builder:
    """For drivers whose connection has nothing else to set."""
    return lambda wanted: kind(build_client(wanted.base_url), base_url=wanted.base_url, models=wanted.models)


def _comfyui(wanted: DriverConfig) -> Driver:
    return ComfyUIDriver(build_client(wanted.base_url, direct=True), base_url=wanted.base_url)


def _gemini(wanted: DriverConfig) -> Driver:
    return GeminiDriver(
        build_client(wanted.base_url),
        base_url=wanted.base_url,
        models=wanted.models,
        api_version=wanted.connection.api_version or API_VERSION,
    )


def _turbotext(wanted: DriverConfig) -> Driver:
    return TurbotextDriver(
        build_client(wanted.base_url),
        base_url=wanted.base_url,
        transport=wanted.connection.transport or "url",
        can_publish=wanted.can_publish,
    )


BUILDERS: dict[str, Builder] = {
    "bfl": _with_models(BflDriver),
    "comfyui": _comfyui,
    "fal": _with_models(FalDriver),
    "gemini": _gemini,
    "local": lambda _: LocalDriver(),
    "openai": _with_models(OpenAIDriver),
    "turbotext": _turbotext,
}


def origin_of(base_url: str) -> str:
    """Scheme, host and port of a provider's address."""
    return parse_address(base_url).origin


class ProviderRegistry:
    """Finds drivers and checks parameters against their models.

    ``base_urls`` are the deployment's own, by provider; they win over the operator's. ``catalogue``
    is that of the files (the shipped one if not given), to which the operator's changes are added.
    """

    def __init__(
        self,
        settings: OperatorSettings,
        base_urls: Mapping[str, str] | None = None,
        catalogue: Catalogue | None = None,
    ) -> None:
        self._base_urls = dict(base_urls or {})
        self._of_files = catalogue or shipped()
        self._catalogue, self._said = self._of_files, OperatorSettings()
        self._drivers: dict[str, Driver] = {}
        self._built: dict[str, DriverConfig] = {}
        self._retired: list[Driver] = []
        self.configure(settings)

    @property
    def catalogue(self) -> Catalogue:
        """The models as they are known now, the operator's changes included."""
        return self._catalogue

    def check(self, settings: OperatorSettings) -> None:
        """Raise ``ValidationFailed`` for settings that say something wrong of models."""
        refuse_wrong(self._of_files, settings)

    def configure(self, settings: OperatorSettings) -> None:
        """Build again the drivers whose connection or models have changed.

        A replaced driver stays open for the jobs that still use it. What is wrong in the settings is
        left out: no photo fails for it.
        """
        if settings != self._said:
            self._catalogue, self._said = with_settings(self._of_files, settings), settings
        built: dict[str, tuple[DriverConfig, Driver]] = {}
        for name, build in BUILDERS.items():
            connection = settings.providers.get(name, ProviderConnection())
            can_publish = settings.provider_media_base_url is not None
            wanted = DriverConfig(
                self._base_url(name, settings), connection, can_publish, self._catalogue.of(name)
            )
            if self._built.get(name) != wanted:
                built[name] = wanted, build(wanted)
        for name, (wanted, driver) in built.items():
            if name in self._drivers:
                self._retired.append(self._drivers[name])
            self._built[name], self._drivers[name] = wanted, driver

    def origin(self, name: str) -> str:
        """To whom a provider's driver sends its key now: scheme, host and port."""
        return origin_of(self._built[name].base_url)

    def deployed_origin(self, name: str) -> str:
        """To whom it would if the operator had set no address: what keys in secret files are for."""
        return origin_of(self._base_urls.get(name) or DEFAULT_URLS[name])

    def origins(self, settings: OperatorSettings) -> dict[str, str]:
        """To whom each provider's key would be sent with ``settings``."""
        return {name: origin_of(self._base_url(name, settings)) for name in DEFAULT_URLS}

    def _base_url(self, name: str, settings: OperatorSettings) -> str:
        connection = settings.providers.get(name, ProviderConnection())
        return self._base_urls.get(name) or connection.base_url or DEFAULT_URLS.get(name, "")

    @property
    def fixed_urls(self) -> Mapping[str, str]:
        """The addresses that the deployment sets, by provider; an operator's own count for nothing there."""
        return self._base_urls

    @property
    def names(self) -> list[str]:
        """All providers' names."""
        return sorted(self._drivers)

    def driver(self, name: str) -> Driver:
        """The driver called ``name``; raises ``ValidationFailed`` if there is none."""
        if name not in self._drivers:
            raise ValidationFailed(
                fields={
                    "provider": Message(
                        "there is no provider %(name)s; there are %(known)s",
                        name=repr(name),
                        known=", ".join(self.names),
                    )
                }
            )
        return self._drivers[name]

    def model(self, provider: str, operation: str, name: str | None) -> str | None:
        """The model that a route asks: the default one where it names none, and none where its operation asks
        none of the models.
        """
        driver = self._drivers.get(provider)
        known = driver.operations.get(operation) if driver else None
        if known is not None and not known.of_models:
            return None
        default = self._catalogue.of(provider).default
        return name or (default.id if default else None)

    def operation(self, provider: str, name: str) -> Operation:
        """One operation of a provider; raises ``ValidationFailed`` if it has none of that name."""
        operations = self.driver(provider).operations
        if name not in operations:
            raise ValidationFailed(
                fields={
                    "operation": Message(
                        "%(provider)s has no operation %(operation)s; it has %(known)s",
                        provider=provider,
                        operation=repr(name),
                        known=", ".join(operations),
                    )
                }
            )
        return operations[name]

    def parse(self, provider: str, operation: str, params: Mapping[str, Any]) -> Params:
        """``params`` as the operation's own frozen model.

        Raises ``ValidationFailed`` with one message per field, named ``params.…``.
        """
        model = self.operation(provider, operation).params
        try:
            return model.model_validate(params)
        except ValidationError as error:
            raise ValidationFailed(fields=field_messages(error, "params")) from None

    async def aclose(self) -> None:
        """Close every driver, the replaced ones too."""
        for driver in [*self._retired, *self._drivers.values()]:
            await driver.aclose()
