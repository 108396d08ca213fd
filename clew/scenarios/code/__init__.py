"""User code: files inspected, imported and kept apart, and the models in them."""
