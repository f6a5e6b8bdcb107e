"""Taobao's open platform (TOP): a shop's trades and refunds, signed, paged, masked and moody."""
