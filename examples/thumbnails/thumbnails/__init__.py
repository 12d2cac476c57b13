"""Makes thumbnails: a toy, but deployed and run like any system."""
