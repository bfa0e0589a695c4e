"""Reports: one HTML file of a plan or of a state."""
