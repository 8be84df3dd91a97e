"""The command line: one file a group of commands, thin. What a command does stands in the rooms below.

Only typer and the standard library are imported when a file of this room is: `sip2d healthcheck` runs every 15 s (T27).
"""
