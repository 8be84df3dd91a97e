"""Alembic's way in: the connection, and the transaction around it, come from `sip2d.store.migrate`."""

from alembic import context

from sip2d.store.migrate import OPTIONS
from sip2d.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, **OPTIONS)
with context.begin_transaction():
    context.run_migrations()
