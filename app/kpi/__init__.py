"""The eight KPIs of S1 5.2.1, computed from operational rows and open down to them.

Owns targets; reads the rows of the packages below. Calls everything below it.
"""
