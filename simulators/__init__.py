"""Stand-ins for the outside world: payment and SMS channels, and a city that buys milk."""
