"""Plans and events as lines, for people and for programs. Views decide nothing."""
