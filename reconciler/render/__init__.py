"""Plans, events and problems as text, Markdown and JSON.

It may import `planner` and everything below it, and decides nothing; text from outside passes
through `escape`. Begin with `plan.plan_blocks`. A row of a plan is built in `plan.plan_rows`, its
text in `plan.change_text`; the JSON of a plan is in `model.serialize`.
"""
