"""Steps from older layouts of the ledger to the present one, for Alembic; new ledgers are made from the tables."""
