"""HTTP as every entry point needs it: guarded addresses, bodies, forms, encodings, proxies."""
