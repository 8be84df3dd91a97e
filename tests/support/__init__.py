"""What several rooms' tests need: real databases, and places found on the disk. No test lives here."""
