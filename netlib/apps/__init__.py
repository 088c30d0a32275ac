"""Applications, as coroutines that run unchanged in every world."""
