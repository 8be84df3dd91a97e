"""Kiosks in one process: real connections, store and policy, a clock of the test's own."""
