"""What methods share that search a generator's latents: random numbers, traces, Adam, beginning and end."""
