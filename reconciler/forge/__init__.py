"""The forges where pull requests are: GitHub, GitLab, Forgejo, and plain Git with files.

It may import `model` and `common`. Begin with `forge_opening`, and with `model.ports.forge_ports`,
which each module here implements once.
"""
