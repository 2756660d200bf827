"""One file for each broker, all of the same shape."""
