"""A household's pages: what can be ordered, one's own milk, and what the link of an SMS opens."""
