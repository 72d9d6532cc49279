"""What a tournament showed: tables, sentences and curves."""
