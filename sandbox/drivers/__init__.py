"""What answers or waits between an agent and its world."""
