"""The kinds of objects, one module each: what is special about a kind, and nothing else."""
