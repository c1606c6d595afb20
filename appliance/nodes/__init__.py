"""The machines of one site that share a database and a folder of pictures; one alone has no use for this."""
