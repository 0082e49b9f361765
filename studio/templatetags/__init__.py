"""What the studio's templates need and HTML can't say."""
