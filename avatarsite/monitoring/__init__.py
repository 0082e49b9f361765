"""Signs of life and of trouble: ``/healthz``, ``/readyz``, ``/metrics``, logs, and the notice that needs no worker.

What a room knows of itself it registers: a part that has to be there (``readiness``), numbers from its rows
(``metrics``).
"""
