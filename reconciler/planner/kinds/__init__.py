"""Planning that only one kind of resource needs: power and moves of instances, attachments,
memberships, rules. `plan_plain` plans every other kind from its table alone.

It may import `planner.steps` and `planner.compare`. Begin with `plan_plain`, then `plan_instances`.
"""
