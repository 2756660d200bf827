"""Doorways: one module for each Lambda function."""
