"""Whether the API behaves for one account as `docs/api/iwinv-api.md` says.

A check is a value: the reads that it needs, and a pure judgement of their answers. A report is made
of words of a fixed list, small numbers and forms of ids, so it cannot carry a text of the account.
It may import `iwinv` and what is below it. Begin reading in `table`, then `runner`.
"""
