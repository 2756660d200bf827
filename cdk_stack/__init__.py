"""The AWS stack of QuantLeap, as code."""
