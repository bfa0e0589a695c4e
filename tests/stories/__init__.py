"""Generated stories over pairs of causes: edits of the file, somebody's edits of the account,
faults of a run, machines and time.
"""
