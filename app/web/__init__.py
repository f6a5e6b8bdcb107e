"""Pages for browsers, over the domains' services; no business rule and no table of their own.

`common` is the ground of all pages; each other package is one group of pages.
"""
