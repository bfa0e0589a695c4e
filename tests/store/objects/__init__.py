"""Places that many machines see, as memory, databases and buckets keep them."""
