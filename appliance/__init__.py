"""PhotoChanger: a self-hosted AI photo-booth appliance."""

__version__ = "0.2.0"
