"""The commands of `ci`: what a pull request changes, its plans, and their apply.

It may import what `cli` may, except the commands themselves. Begin with `review_context`.
"""
