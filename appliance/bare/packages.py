import importlib.util
from pathlib import Path

from appliance.bare.problem import Problem


def folder_of(package: str) -> Path:
    """Where an installed package lies, without running any of its code."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise Problem(f"The package {package} is missing; scripts/run installs it.")
    return Path(spec.origin).parent
