"""Money: payments, refunds to their origin, receipts of cash and POS, the ledger.

Knows what is paid for only by a reference. Publishes `PaymentCaptured`, `RefundSucceeded` and
others; never names an order. Calls `notifications` and below.
"""
