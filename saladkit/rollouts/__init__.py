"""Rollouts: what a checkpoint writes behind prompts that it hears or reads."""
