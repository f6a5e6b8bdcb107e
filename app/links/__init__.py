"""Links sent by SMS: a secret of one purpose and one subject, kept by its hash, that ends.

What a link shows and does is its purpose's: the packages above react to `LinkShown` and call
`use_link`. Calls `core` and `identity`.
"""
