"""What each command does; `clew.cli` says what may be asked of it."""
