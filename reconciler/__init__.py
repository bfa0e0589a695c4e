"""A declarative reconciler for the iwinv cloud."""
