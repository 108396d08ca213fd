"""What each command does; `clew.cli` declares its flags."""
