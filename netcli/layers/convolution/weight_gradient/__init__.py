"""The gradients of weights and bias of windowed products, in lanes."""
