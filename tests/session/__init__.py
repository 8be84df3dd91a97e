"""One connection, in process: its tables, its transcripts, any split of its bytes."""
