"""Files of clients: read as a stream, checked row by row, and taken over as one unit."""
