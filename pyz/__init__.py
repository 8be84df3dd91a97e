"""The tools of a desk in a single file (`make pyz`): how it is built, and how it starts."""
