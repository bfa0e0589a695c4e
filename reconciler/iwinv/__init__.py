"""The API client: from a `Call` to a signed request and back, and the reading of whole lists.

It may import `model` and `common`; the API's rules are in `docs/api/iwinv-api.md`.
Begin with `client`, which sends, and `list_reader`, which reads a list to its end.
"""
