"""A client that gives keyed commands, as a process that tests kill. Like one that keeps its orders in a
database, it says which command it is about to give, and then what came of it.
"""

from plcmq.client import PlcmqError, get_conn

settings, told = globals()["settings"], globals()["told"]
with get_conn(settings["broker"], device="press-1") as conn:
    for number in range(settings["first"], settings["last"] + 1):
        told.send((number, "about to"))
        try:
            conn.request("stroke", {"number": number}, key=f"order-{number}", retry=True)
        except PlcmqError as error:
            told.send((number, str(error.outcome)))
        else:
            told.send((number, "ok"))
