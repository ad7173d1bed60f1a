"""The trainer: two stages, one loop. `pqmim_jax.training.run.train(config, workdir)` is the door."""
