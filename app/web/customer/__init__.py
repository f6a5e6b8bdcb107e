"""Pages for customers: what the link of an SMS opens."""
