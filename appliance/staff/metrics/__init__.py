"""``/metrics``: figures for Prometheus."""
