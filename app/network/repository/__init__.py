"""All SQL of the network, by noun."""
