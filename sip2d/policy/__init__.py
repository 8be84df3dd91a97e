"""Facts in, decision out. Pure and total: no clock, no SQL, no wire words."""
