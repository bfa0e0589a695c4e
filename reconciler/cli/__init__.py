"""The command line: flags, the concrete things behind them, exit codes. Nobody imports it but the entry point."""
