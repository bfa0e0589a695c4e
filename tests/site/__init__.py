"""The documentation: the site that is built from it, and the commands on its pages."""
