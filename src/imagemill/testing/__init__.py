"""For tests of Imagemill and of what is built on it: engines, clocks and contracts of the ports."""
