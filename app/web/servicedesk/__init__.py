"""Pages of the service desk: the queue, a ticket, phone orders, call-backs, review of addresses."""
