"""What an operator can set: values, their defaults, and what is allowed.  Imports nothing of ours."""
