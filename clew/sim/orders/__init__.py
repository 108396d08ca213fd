"""Which of several pending events happens next: a policy per file, and a table of them."""
