"""The worker process: started by a host, fed with jobs over pipes, warm until it is told to quit."""
