"""Originals: what the objects of the store mean. Uploading, replacing, deleting, finding, describing them."""
