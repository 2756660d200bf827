"""A simulated broker: one HTTP server that speaks brokers' wire formats over one market and one book."""
