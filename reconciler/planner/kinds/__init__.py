"""Planning that only one kind of resource needs: power and moves of instances, attachments,
memberships, rules.

It may import `planner.steps` and `planner.compare`. Begin with `plan_instances`.
"""
