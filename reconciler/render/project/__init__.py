"""The plans of several stacks together: text, JSON and Markdown.

It may import the rest of `render`, `planner`, `model`, `locale` and `common`. Begin with
`shown_project` (the values) and `project_text`.
"""
