"""The outside world of billing: a protocol, and one adapter per payment channel."""
