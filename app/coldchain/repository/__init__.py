"""All SQL of the cold chain, by noun."""
