"""Generated from protos/holdfast/v1 by ./dev protos."""
