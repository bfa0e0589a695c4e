"""The commands on what a project says of its stacks. It may import what `cli` may."""
