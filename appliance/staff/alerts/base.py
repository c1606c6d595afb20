"""Where a message's link leads."""

from __future__ import annotations

from appliance.core.public_base import BaseUrls, DeploymentUrls
from appliance.settings.operator import OperatorSettings


def alert_base(settings: OperatorSettings, urls: DeploymentUrls) -> str:
    """What a link in a message begins with: what guests' links begin with."""
    return BaseUrls(urls.configured, urls.lan, "http", None, urls.others).guests(settings.public_base_url)
