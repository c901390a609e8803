"""Continuous recordings: pulses found, traces cut and put in their pixels, images joined."""
