"""What runs have left: their folders, their metrics, and logs of Caffe."""
