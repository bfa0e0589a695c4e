"""What an interrupted run left behind: what became of its requests, what a person may decide, and
the way back to an older state.

It may import `config`, `model` and `common`; its functions are pure. Begin with `evidence`, which
says for every open request what the account proves.
"""
