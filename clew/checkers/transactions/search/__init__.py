"""Whether some order of versions or of commits explains a history under a consistency model."""
