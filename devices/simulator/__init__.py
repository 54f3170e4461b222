"""Simulated PLCs: an endpoint of a site, with living tags, faults on demand, and evidence of what it saw.

For tests and demonstrations: nothing else in plcmq imports it but the command line.
"""
