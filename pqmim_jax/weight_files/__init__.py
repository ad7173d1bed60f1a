"""Reading weights that others published, without executing anything that the file says."""
