"""Methods of hairstyle transfer behind one protocol, and the registry of their names."""
