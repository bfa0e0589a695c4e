"""What is written about plans on a forge: comments, statuses and issues.

It may import what `render` may. Begin with `pull_comment`.
"""
