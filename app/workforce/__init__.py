"""Deliverers and operating staff. Calls `identity` and `core`."""
