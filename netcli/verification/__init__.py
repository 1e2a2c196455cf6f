"""Face verification: do two images show the same person? Pairs, the protocol of LFW, and measures."""
