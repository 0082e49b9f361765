"""The task queue: django-q2's clusters, what they run and when, and who watches over them."""
