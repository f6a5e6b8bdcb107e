"""Aliyun SMS (Dysms 2017-05-25) as the provider speaks it: sending, limits, receipts, an outbox.

State is in memory: an SMS lives as long as the simulator does.
"""
