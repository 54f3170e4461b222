"""The load generator: what Locust cannot do, which is an honest open loop with HDR percentiles.

Strategy: what decides is pure (`mix`, `schedule`, `meter`, `result`); `generator` asks, with asyncio, in one
process. Needs the extra `loadtest`; nothing else of the client imports this package.
"""
