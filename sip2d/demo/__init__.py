"""A library to try things on: two institutions with patrons, items, loans, holds, fees and a past. Every
value a person needs is fixed."""
