"""The audit log of a project, in a folder and in a place of objects.

It may import what `store` may. Begin with `audit_chain`: the form of a record, and what a whole
chain is.
"""

FOLDER = ".audit"
"""Where the log is, beside the states. No stack has a name that begins with a dot."""
