"""A run as one web page that loads nothing else: its story, its picture, and its nodes' state."""
