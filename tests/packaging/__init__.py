"""The wheel and the source distribution, the container and the workflows."""
