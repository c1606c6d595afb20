"""``nginx -t`` on the template, filled in for a folder that is thrown away."""

import subprocess
import sys
import tempfile
from pathlib import Path

from appliance.bare import nginx
from appliance.bare.data_folder import DataFolder, Ports


def main() -> int:
    """Render, test, say what nginx says."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = DataFolder(Path(temporary), Path(temporary) / "media")
        folder.make_folders()
        nginx.write_config(folder, Ports(public=8080, postgres=5432))
        return subprocess.run([*nginx.command(folder), "-t"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
