"""The deliverer's phone: one page that works without network, over the JSON API alone.

The shell holds nobody's data and is kept by a service worker; the route book and what was said at
the doors are kept in IndexedDB until the server has them.
"""
