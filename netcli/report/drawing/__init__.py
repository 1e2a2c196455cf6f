"""Drawings of nets: boxes for layers, wires with shapes for blobs; as mermaid, as dot, and laid out as SVG."""
