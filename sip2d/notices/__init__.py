"""Notices: what patrons are told by mail or on paper, from templates, through an outbox."""
