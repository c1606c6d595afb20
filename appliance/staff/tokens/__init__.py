"""``/api/tokens``: keys for scripts."""
