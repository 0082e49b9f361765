"""The web server: waitress in as many processes as are asked for, which share one listening socket."""
