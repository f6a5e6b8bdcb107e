"""Electronic invoices (电子发票): what households ask for, handed to the invoicing provider in batches.

Owns requests, their lines with VAT, numbers and batches. Calls billing's ledger rows, orders,
catalog, customers and notifications. Amounts are integer fen, VAT included.
"""
