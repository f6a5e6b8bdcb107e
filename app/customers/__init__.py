"""Households and schools as customers: who they are, how to reach them, where they live, consents.

Name, phone, door, recipient and note are sealed; the building is plain. Calls `identity` and
`core`.
"""
