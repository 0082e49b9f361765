"""Holds: credit reserved for a render, allocated to lots in burn order, then settled up to its amount or released."""
