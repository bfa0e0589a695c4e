"""Stack files in, a `Stack` out, or every mistake at once with its place.

It may import `resources`, `model` and `common`, and reads only the files that the user names.
Begin with `loader`, which runs the steps in order: `yaml_reader`, `schema`, `builder`.
"""
