"""Alembic's entry; always online, on the connection that the runner opened."""

from alembic import context

from appliance.migrations.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    compare_type=True,
    compare_server_default=True,
)
context.run_migrations()
