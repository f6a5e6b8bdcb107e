"""Ground under every domain: database, time, money, ids, errors, jobs, outside calls, secrets.

Owns no business rule and knows no domain.
"""
