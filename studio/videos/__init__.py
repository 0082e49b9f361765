"""Videos as a collection: found by words and tags, acted on many at once, downloaded, deleted and had back."""
