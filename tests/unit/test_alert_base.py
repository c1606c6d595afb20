"""Where the links of alerts and webhooks lead: no request says which host and port to use."""

from __future__ import annotations

from appliance.core.networks import lan_address
from appliance.core.public_base import DeploymentUrls
from appliance.settings.operator import OperatorSettings
from appliance.staff.alerts.base import alert_base


def test_a_link_that_no_request_asked_for_keeps_the_port_of_the_front_door() -> None:
    base = alert_base(OperatorSettings(), DeploymentUrls(None, None, front_door="127.0.0.1:18080"))
    assert base == f"http://{lan_address() or '127.0.0.1'}:18080"


def test_what_the_operator_or_the_deployment_says_comes_before_it() -> None:
    urls = DeploymentUrls("https://booth.example.com", "http://192.0.2.9:8080", front_door="nginx:8080")
    chosen = OperatorSettings(public_base_url="https://photos.example.com")
    assert alert_base(chosen, urls) == "https://photos.example.com"
    assert alert_base(OperatorSettings(), urls) == "https://booth.example.com"
    assert alert_base(OperatorSettings(), DeploymentUrls(None, urls.lan, front_door="nginx:8080")) == urls.lan
