"""What the stacks of one run share of an account: the lists that were read.

It may import the rest of `iwinv`. Begin with `account_pool`.
"""
