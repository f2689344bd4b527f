"""What several processes and nodes share beside the store: leases on makes, and one connection to Redis."""
