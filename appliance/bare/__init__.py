"""The bare run: the whole appliance on one machine without Docker.

``scripts/run`` makes the virtual environment and hands over to ``python -m appliance.bare``, which

1. leaves root behind, if it was started by root (``privileges``),
2. checks the configuration and makes the database cluster (``start``, ``postgres``),
3. starts supervisord, and under it PostgreSQL, Nginx, the app and the cleanup loop (``supervision``),
4. waits until ``/readyz`` answers through Nginx, says where everything is (``report``), and then
   either stays until Ctrl-C or leaves the four running (``--detach``).

Everything it writes lies under one data folder (``data_folder``).
"""
