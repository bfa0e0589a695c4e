"""Values of a review in pull requests that outlive a run.

It may import what `model` may. Begin with `audit_entry`: what the audit log keeps.
"""
