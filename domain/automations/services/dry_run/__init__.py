"""Dry runs: an automation tried on the past by the real engine, in a scratch domain that is thrown away."""
