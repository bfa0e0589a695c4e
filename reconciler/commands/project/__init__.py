"""Use cases of a project: many stacks with one reading of the account, and what may hold back an
apply (freezes, windows and policies).

It may import everything except `cli`. Begin with `values`, then `plan_all`; `gates` has what holds
back an apply.
"""
