"""Where states lie: a file store for real use, a memory store for tests, both under one contract."""
