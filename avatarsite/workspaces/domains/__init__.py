"""Mail domains of a workspace: named and proved by an owner, then a door for whoever has an address there."""
