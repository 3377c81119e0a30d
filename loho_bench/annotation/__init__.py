"""What is known about a portrait: hair and face masks, and 68 landmarks, found by networks or given."""
