"""Pages of finance and auditors: refunds, statements, the books."""
