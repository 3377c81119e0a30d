"""Methods that other programs compute: portraits go out as files, results come in as files."""
