"""The worker process, which a host starts and sends jobs to over pipes. It stays warm between jobs."""
