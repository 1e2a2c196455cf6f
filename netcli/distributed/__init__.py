"""Training by several processes over MPI. Nothing here is imported, and MPI least of all, without a launcher."""
