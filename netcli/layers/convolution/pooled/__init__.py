"""A convolution and the max pooling behind it, in lanes, without the blob between them."""
