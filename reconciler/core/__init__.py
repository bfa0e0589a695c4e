"""Pure decisions over frozen values: no clock, no disk, no network, no chance. What it needs of them comes as an argument."""
