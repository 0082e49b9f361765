"""Template tags: what the studio's templates need and HTML can't say."""
