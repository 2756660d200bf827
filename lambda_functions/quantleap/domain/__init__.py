"""Rules of the business: pure, free of AWS and HTTP."""
