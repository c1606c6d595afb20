"""The looks made on this machine: no network, no key, no cost per picture."""
