"""Bulk renewals from the SC's side (circulation.md 6.3): a sheet of loans, a journal of every attempt, and a
client that sends them as message 29. Knows the wire and the client, nothing of the server.
"""
