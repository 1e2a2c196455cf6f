"""Inner products: every output sees every input."""
