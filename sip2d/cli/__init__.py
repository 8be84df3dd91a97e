"""The command line: one file a group of commands, thin. What a command does stands in the rooms below.

A command file imports typer and the standard library; what it needs from below, when it runs (T27).
"""
