"""What a finished video shows: checked before it is ready, and withheld where its asker or the operator wants that."""
