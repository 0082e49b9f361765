"""Ways to sign in beside a password, and where somebody is signed in."""
