"""What a plan costs: time, API calls and money.

It may import `planner.kinds`, `planner.steps` and `planner.compare`.
Begin with `forecast`.
"""
