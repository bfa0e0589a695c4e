"""The file of a project, `reconciler.yaml`: what is common to its stacks.

It may import the rest of `config`, `model` and `common`. Begin with `project` (the
values) and `project_file`.
"""
