"""Pages of finance and auditors: a day's closing, differences, refunds, cash, statements, books."""
