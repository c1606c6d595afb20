"""The pre-flight: everything that an evening needs, tried once, before the doors open."""
