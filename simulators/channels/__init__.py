"""Channel simulators: WeChat Pay API v3 and Aliyun SMS, spoken as the real ones speak.

A separate ASGI app with its own state, keys and signing code. It imports nothing of the product,
so that a mistake in the product's signing cannot hide behind the same mistake here.
"""
