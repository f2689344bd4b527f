"""The CDN in front: asked to drop what was purged or replaced, by cache tags. One adapter for each kind."""
