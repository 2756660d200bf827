"""QuantLeap: the backend of a B2B2C marketplace for algorithmic option strategies."""
