"""Run the steps on the connection, and in the transaction, of whoever opens the ledger (`console.ledger_engine`)."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
