"""The world outside: sockets, admission, lifecycle, metrics. The only room of the server that awaits."""
