"""Rules about the headers that client, proxy, app server and Django believe from each other."""
