"""Several serving processes on one node: started, watched, replaced and added up by one that serves nothing itself."""
