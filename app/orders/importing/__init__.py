"""Taking over a paper book: parsed rows matched, checked and written once however often it runs."""
