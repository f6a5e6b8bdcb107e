"""UnionPay: the online gateway 5.1.0, its payment page, notifications and refunds.

It shares no signing code with the product; sources are in the modules that use them.
"""
