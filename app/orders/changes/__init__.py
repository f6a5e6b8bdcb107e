"""Everything a household may change while an order runs (S1 4.2.5): previewed, then exactly that.

`frame` is the one way through: preview, token, apply, in the lock order day, order, lines. A kind
is a module that says what a change does to terms, bottles and money, and nothing else; `kinds`
lists them. `undoing` takes back what has not begun.
"""
