"""A day of orders to watch: payloads, a driver, a verdict."""
