"""What people see: reports, stories, diagrams and files for CI."""
