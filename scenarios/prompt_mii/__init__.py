"""The policy that Prompt-MII trains: what it is taught first, and how it then learns from a follower."""
