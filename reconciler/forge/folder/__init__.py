"""The parts of the forge of files: its folder on the disk, what is in it, and how it is opened.

It may import `model`, `common` and its forge. Begin with `forge.files`, which implements the port.
"""
