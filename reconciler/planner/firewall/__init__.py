"""Who can reach which ports before and after a plan, and whether the plan would lock somebody out.

It may import `planner.checks` and everything that `planner.checks` may import.
Begin with `firewall_state` (which rules apply to which instance), then `exposure` and `lockout`.
"""
