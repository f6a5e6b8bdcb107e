"""Orders of Tmall, Taobao and JD: taken in, mapped, claimed by their household, placed, mirrored.

Owns what a marketplace says until it is an order of ours, and its refunds. An order comes by pull,
push or file, as often as it likes: its outside number is one order. Calls `orders`, `billing`,
`customers`, `links`, `notifications`.
"""
