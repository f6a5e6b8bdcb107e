"""Messages to people: templates, SMS through providers, receipts. Calls `identity` and `core`."""
