"""What a training step will need and take on a TPU slice, from programs compiled without one."""
