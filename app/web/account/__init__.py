"""Logging in and out, the first page of each role, the API's documentation."""
