"""The SC's side: what a kiosk does. Knows the wire, nothing else of ours."""
