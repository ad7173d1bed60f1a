"""The trainer: two stages, one loop; the door is `training.run.train(config, workdir)`."""
