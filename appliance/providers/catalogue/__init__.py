"""The models of the providers, as data: what each can do, costs and how long it will be there."""

from appliance.providers.catalogue.catalogue import Catalogue, CatalogueProblem, Layer, ProviderModels
from appliance.providers.catalogue.files import shipped
from appliance.providers.catalogue.model import (
    ENDING_DAYS,
    Capabilities,
    Fact,
    FreeSize,
    Life,
    Model,
    ModelState,
    Price,
    Time,
)

__all__ = [
    "ENDING_DAYS",
    "Capabilities",
    "Catalogue",
    "CatalogueProblem",
    "Fact",
    "FreeSize",
    "Layer",
    "Life",
    "Model",
    "ModelState",
    "Price",
    "ProviderModels",
    "Time",
    "shipped",
]
