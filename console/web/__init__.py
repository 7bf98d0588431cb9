"""The console's web pages: rendered here, with the ledger behind them and next to no script in front."""
