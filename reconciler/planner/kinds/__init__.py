"""Planning that only one kind of resource needs: power and moves of instances, attachments,
memberships, rules.

A new kind needs a file here only if its table is not enough: `plan_plain` plans every kind without
one.

It may import `planner.steps` and `planner.compare`. Begin with `plan_plain`, then `plan_instances`.
"""
