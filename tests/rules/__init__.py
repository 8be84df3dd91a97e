"""The rules of circulation, one family a file, each played as a request and compared as the answer's text."""
