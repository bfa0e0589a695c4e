"""The ready pipelines of `examples/ci`, run as they are: see `actions_runner` and `gitlab_runner`."""
