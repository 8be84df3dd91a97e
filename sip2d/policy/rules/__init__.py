"""The rules, by subject. Which of them apply, and in which order, stands in ``rulebook.RULES``."""
