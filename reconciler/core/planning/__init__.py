"""From fates and field changes to steps, one module for each family of objects; `draft` gathers them and their order."""
