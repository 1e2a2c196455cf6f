"""Where examples come from: LMDB sources, transforms, feeds with prefetch, the built-in digits, MNIST."""
