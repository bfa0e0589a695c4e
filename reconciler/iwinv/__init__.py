"""The API client: it signs and sends a `Call`, judges the answer, keeps the quota, and reads lists
to their end.

It may import `model` and `common`; the API's rules are in `docs/api/iwinv-api.md`. What each kind's
calls and rows contain is in `resources`. Begin with `client`, which sends, `list_reader`, which
reads one list, and `refresh`, which reads all lists of a plan.
"""
