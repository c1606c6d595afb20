"""Where a message's link leads."""

from __future__ import annotations

from appliance.core.public_base import BaseUrls, DeploymentUrls
from appliance.settings.operator import OperatorSettings


def alert_base(settings: OperatorSettings, urls: DeploymentUrls) -> str:
    """What a link in a message begins with: what guests' links begin with."""
    bases = BaseUrls(urls.configured, urls.lan, "http", urls.front_door, urls.others)
    return bases.guests(settings.public_base_url)
