"""What a classification prompt says: its labels, its rules, its examples, and what words alone suggest."""
