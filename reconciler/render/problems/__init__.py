"""Problems in other forms than a line of text: with the line of the file, and as reports for CI
systems. It may import what `render` may. Begin with `source_excerpt`.
"""
