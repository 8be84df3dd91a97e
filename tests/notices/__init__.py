"""Notices: templates, the outbox, mail, paper, and the jobs that queue."""
