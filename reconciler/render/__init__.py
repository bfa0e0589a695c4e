"""Plans, events and problems as text, Markdown and JSON.

It may import `planner` and everything below it, and decides nothing; text from outside passes
through `escape`. Begin with `plan/plan_blocks`.
"""
