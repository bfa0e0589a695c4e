"""The language of texts for people: which one is used, its catalogue of translations, and the
translation of a `Text` where it is shown.

It may import `common`. Begin with `language`.
"""
