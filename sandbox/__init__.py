"""The whole platform on one machine: emulated AWS, a simulated broker, and a journey to watch."""
