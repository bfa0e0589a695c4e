"""Commands on several stacks at once: `--all`, `--changed-since`, or several STACKs.

It may import everything except the commands themselves. Begin with `chosen_stacks`, then
`many_plans`.
"""
