import sys

from appliance.core.memory import collect_seldom

collect_seldom()
from appliance.cli import main  # noqa: E402 - that is the most of what is loaded

sys.exit(main())
