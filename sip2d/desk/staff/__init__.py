"""What staff do: set up the service, keep patrons and items, with every change authorised (GN-8) and audited
(GN-7).
"""
