"""The studio: paint a hole, watch networks fill it, see where attention looks."""
