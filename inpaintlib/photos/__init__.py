"""Photos: any photo, any mask, filled by a trained network; the trained networks themselves."""
