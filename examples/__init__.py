"""Programs to read and to run; the README and the documentation show parts of them."""
