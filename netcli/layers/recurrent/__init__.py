"""Layers that run along time: RNN and LSTM."""
