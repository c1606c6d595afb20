"""An app that starts before its database, as after a power cut."""

from __future__ import annotations

import shutil
from pathlib import Path

import asyncpg

from appliance.app import create_app
from appliance.core.injection import Services
from appliance.providers.runner import RouteRunner
from appliance.settings.environment import Settings
from tests.support.line import line_to_database
from tests.support.scratch import migrated_database
from tests.support.stack import CHECKOUT, Stack
from tests.support.waiting import until


async def test_what_providers_said_of_their_models_is_known_once_the_database_is_there(
    stack: Stack, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    shutil.copy(stack.data / "secrets/database-password", secrets)
    async with migrated_database(stack, "late") as direct, line_to_database(stack) as (line, url):
        db = await asyncpg.connect(stack.dsn(direct.database or ""))
        await db.execute("insert into model_fact values ('gemini', 'of-yesterday', false, null, now())")
        await db.close()
        settings = Settings(
            database_url=f"postgresql://{url.username}@{url.host}:{url.port}/{direct.database}",
            media_root=tmp_path / "media",
            secrets_dir=secrets,
            config_file=CHECKOUT / "config/appliance.toml",
            model_check_hour=-1,
        )
        app = create_app(settings)
        line.cut()
        async with app.router.lifespan_context(app) as state:
            services: Services = state["services"]
            line.mend()
            await until(lambda: services[RouteRunner].models.of("gemini", "of-yesterday"), seconds=10)
