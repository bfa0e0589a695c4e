"""A plan on the screen, as Markdown and as JSON.

It may import what `render` may.
Begin with `plan_text`; `plan_rows` and `plan_sections` say what stands where.
"""
