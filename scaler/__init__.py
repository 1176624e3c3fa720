"""From forecast to changed capacity, and the evidence that it pays."""
