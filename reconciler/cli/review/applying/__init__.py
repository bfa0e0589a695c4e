"""`ci apply`: which plans are approved, and carrying them out.

It may import what `cli.review` may. Begin with `pull_apply`.
"""
