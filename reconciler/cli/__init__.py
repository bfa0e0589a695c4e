"""The command line: commands, options, prompts, exit codes.

It may import everything, and only the entry point imports it. Begin with `program`, the list of
commands; `composition` connects ports with the real network, disk and clock.
"""
