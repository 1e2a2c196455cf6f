"""What computes on an NVIDIA GPU: the toolkit, one stream, kernels, memory and graphs."""
