"""Ratios against something real, measured in the same run (`make bench`; issue 8.3).

A figure of one machine in one minute says little; a ratio of two things measured in turns says much. So
every goal is a ratio, or a bound that holds on any machine. CPU per request counts all threads of a server.
"""
