"""What `init` writes: the first files of a stack or of a project.

It may import what `cli` may. Begin with `first_project`.
"""
