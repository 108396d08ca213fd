"""The rows of the table of checkers, by what they judge."""
