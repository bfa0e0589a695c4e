"""A plan on the screen, as Markdown and as JSON.

It may import what `render` may. Begin with `plan_blocks`: it lists the parts of a shown plan, which
`plan_text` and `plan_markdown` print. `plan_rows` builds the rows, and `change_text` the text of
each.
"""
