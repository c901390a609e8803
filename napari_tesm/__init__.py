"""Diffusion-coefficient maps from time-domain electrochemical strain microscopy."""
