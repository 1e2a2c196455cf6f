"""The layers, one folder per family: what a layer means, its shapes, and its kernels beside it.

A family's folder holds one module per layer (equations, shapes, registration), ``cpu.py`` with the CPU
kernels and, in time, ``cuda.py`` with kernels of the same names and arguments. Nothing else has to be
touched to add a layer: ``netcli.layers.registry`` finds the modules by itself.
"""
