"""What somebody may ask for, one function each."""
