"""The API side: from a `Call` to bytes on the wire and back, and the reading of whole lists."""
