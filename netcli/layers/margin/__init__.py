"""Inner products with a margin in the angle: A-Softmax and L-Softmax."""
