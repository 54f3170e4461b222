"""The command line, `plcmq`."""
