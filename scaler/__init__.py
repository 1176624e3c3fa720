"""From forecast to changed capacity, and the evidence that it adds_skill."""
