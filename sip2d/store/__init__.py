"""What the library remembers: SQLAlchemy tables, one unit of work per act. Knows facts, not messages."""
