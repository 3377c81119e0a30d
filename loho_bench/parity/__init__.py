"""Numbers of this package beside those of the official implementations, for any folder of such values."""
