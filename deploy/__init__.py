"""Where Imagemill is deployed to."""
