"""The repository of the current folder, by Git's own commands.

It may import `common` only. Begin with `git`: it runs Git so that nothing of a repository is
executed.
"""
