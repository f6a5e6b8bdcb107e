"""Who is calling and what they may do: accounts, sessions, login codes, throttles, access log.

Owns no personal data beyond the phone that logs in; a customer's name and addresses stand in
`customers`. Calls nothing above `core`.
"""
