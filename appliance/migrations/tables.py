"""Every table of the appliance, so that Alembic and its test see them all."""

# ruff: noqa: F401 - a table is known once its module is imported

from appliance.accounts import models as accounts
from appliance.backups import models as backups
from appliance.core import ratelimit
from appliance.core.db import Base
from appliance.guests.shared_galleries import models as galleries
from appliance.ingest import seats
from appliance.ingest.booth_keys import models as booth_keys
from appliance.jobs import models as jobs
from appliance.jobs import tally
from appliance.media import models as media
from appliance.nodes import models as nodes
from appliance.providers import models as providers
from appliance.settings import operator as app_settings
from appliance.slots import models as slots
from appliance.staff.alerts import models as alerts
from appliance.staff.issues import models as issues
from appliance.staff.preflight import models as preflights
from appliance.staff.webhooks import models as webhooks

metadata = Base.metadata
