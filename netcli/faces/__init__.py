"""What work with faces needs beyond layers: features of trained nets, and what can be seen in them."""
