"""HTTP: the client and its pool, guarded addresses and what is sent to them; bodies, encodings, proxies."""
