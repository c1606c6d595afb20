"""PhotoChanger: a self-hosted AI photo-booth appliance."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("photochanger")
except PackageNotFoundError:  # a checkout that was not installed
    __version__ = "0.2.0"
