"""Small notes beside a state, in a folder and in a place of objects.

It may import what `store` may. Both modules do the same: one for each kind of place.
"""

FOLDER = "notes"
"""Where the notes are, beside a state."""
