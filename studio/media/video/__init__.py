"""Video: probed, transcoded, and given its poster."""
